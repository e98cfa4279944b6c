/** One difference in words: what it is, and both values. For people; programs read the values. */
import type { JsonValue } from '../json.ts'
import type { Difference } from './tree-diff.ts'

const SHORT_DIGEST_DIGITS = 12
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
export function describeDifference({ what, a, b }: Difference): string[] {
  const [only] = what
  if (only === 'added' || only === 'removed') return [describeAll(b ?? a ?? {})]
  if (only === 'kind') return [`${describeAll(a ?? {})} → ${describeAll(b ?? {})}`]
  return [...Object.keys(NAMES), 'layers', 'rootfs'].flatMap((key) => {
    const [inA, inB] = [a?.[key], b?.[key]]
    if (inA === undefined && inB === undefined) return []
    const name = NAMES[key] ?? key
    return [`${name} ${valueWords(key, inA)} → ${valueWords(key, inB)}`.trimStart()]
  })
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

function valueWords(key: string, value: JsonValue | undefined): string {
  if (value === undefined || value === null) return 'none'
  if (key === 'content' && typeof value === 'string') return value.slice(0, SHORT_DIGEST_DIGITS)
  if (key === 'size') return `${JSON.stringify(value)} B`
  return typeof value === 'string' && key !== 'value' ? value : JSON.stringify(value)
}
