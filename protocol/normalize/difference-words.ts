/** One difference in words: what it is, and both values. For people; programs read the values. */
import type { JsonValue } from '../json.ts'
import type { Difference } from './tree-diff.ts'

const SHORT_DIGEST_DIGITS = 12
/** One attribute may have 64 KiB, a file 256 of them, and a config 8 MiB: whoever made them. */
const MAX_VALUE_CHARACTERS = 400
/** In this order, whatever the order of the values. */
const NAMES: Readonly<Record<string, string>> = {
  kind: 'kind',
  explicit: 'entry of its own',
  opaque: 'opaque',
  mode: 'mode',
  uid: 'uid',
  gid: 'gid',
  size: 'size',
  content: 'sha256',
  target: 'link',
  device: 'device',
  hardlink: 'hardlink of',
  mtime: 'mtime',
  xattrs: 'attributes',
  records: 'records',
  value: '',
}

type Values = Readonly<Record<string, JsonValue>>

/** Such as `mode 0644 → 4755`; one text for each value that differs, or for all of what is new. */
export function describeDifference(difference: Difference): string[] {
  const omitted = (difference.omitted ?? []).map((name) =>
    name === 'path' ? 'only the beginning of the path is listed' : `${name}: too long to be listed`,
  )
  return [...describeListed(difference).filter((words) => words !== ''), ...omitted]
}

function describeListed({ what, a, b }: Difference): string[] {
  const [only] = what
  if (only === 'added' || only === 'removed') return [describeAll(b ?? a ?? {})]
  if (only === 'kind') return [`${describeAll(a ?? {})} → ${describeAll(b ?? {})}`]
  return [...Object.keys(NAMES), 'layers', 'rootfs'].flatMap((key) => {
    const [inA, inB] = [a?.[key], b?.[key]]
    if (inA === undefined && inB === undefined) return []
    const name = NAMES[key] ?? key
    if (isMap(inA) && isMap(inB)) return [`${name} ${mapWords(key, inA, inB)}`.trimStart()]
    return [`${name} ${valueWords(key, inA)} → ${valueWords(key, inB)}`.trimStart()]
  })
}

function isMap(value: JsonValue | undefined): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Without what both have, so that what differs is not cut off. */
function mapWords(key: string, a: Values, b: Values): string {
  const without = (all: Values, others: Values): Values =>
    Object.fromEntries(
      Object.entries(all).filter(
        ([name, value]) =>
          !Object.hasOwn(others, name) || JSON.stringify(others[name]) !== JSON.stringify(value),
      ),
    )
  return `${valueWords(key, without(a, b))} → ${valueWords(key, without(b, a))}`
}

function describeAll(values: Values): string {
  const { kind, mode, uid, gid } = values
  const parts = [typeof kind === 'string' ? kind : '']
  if (typeof mode === 'string')
    parts.push(`${mode} ${valueWords('uid', uid)}:${valueWords('gid', gid)}`)
  for (const key of ['size', 'content', 'target', 'device', 'hardlink'] as const) {
    const value = values[key]
    if (value === undefined || value === null) continue
    parts.push(
      key === 'size' ? valueWords(key, value) : `${NAMES[key] ?? key} ${valueWords(key, value)}`,
    )
  }
  for (const key of ['xattrs', 'records'] as const) {
    const value = values[key]
    if (value !== undefined && JSON.stringify(value) !== '{}') {
      parts.push(`${NAMES[key] ?? key} ${valueWords(key, value)}`)
    }
  }
  return parts.filter((part) => part !== '').join(', ')
}

/** The beginning of a text that is too long for a line, and how long it is. */
export function shortened(text: string): string {
  if (text.length <= MAX_VALUE_CHARACTERS) return text
  return `${text.slice(0, MAX_VALUE_CHARACTERS)}… (${text.length} characters)`
}

function valueWords(key: string, value: JsonValue | undefined): string {
  return shortened(fullWords(key, value))
}

function fullWords(key: string, value: JsonValue | undefined): string {
  if (value === undefined || value === null) return 'none'
  if (key === 'content' && typeof value === 'string') return value.slice(0, SHORT_DIGEST_DIGITS)
  if (key === 'size') return `${JSON.stringify(value)} B`
  return typeof value === 'string' && key !== 'value' ? value : JSON.stringify(value)
}
