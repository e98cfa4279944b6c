/**
 * What differs between two images, for a person: the config first, then layer by layer and
 * directory by directory, each value as it is in the first image and in the second.
 */
import type { Difference } from '../../protocol/normalize/diff.ts'
import { describeDifference, shortened } from '../../protocol/normalize/difference-words.ts'
import type { Output } from './output.ts'
import { bad, faint, good, strong, warn, type Span, type Text } from './style.ts'

export interface DiffReport {
  readonly equal: 'exact' | 'normalized' | 'rootfs' | 'none'
  /** How alike they were to be. */
  readonly level: Exclude<DiffReport['equal'], 'none'>
  readonly differences: readonly Difference[]
  /** Where not all of them are listed. */
  readonly count?: number
  /** Lines to show below a file, for those whose content was looked at. */
  readonly contentOf?: (difference: Difference) => readonly string[]
}

const OF_THE_IMAGE: ReadonlySet<string> = new Set(['config', 'annotation', 'layers', 'rootfs'])
const SAME: Readonly<Record<Exclude<DiffReport['equal'], 'none'>, string>> = {
  exact: 'the same manifest, byte for byte',
  normalized: 'the same but for what the profile ignores',
  rootfs: 'the same files and config, put together in another way',
}

const isOfImage = ({ what }: Difference): boolean => what.some((each) => OF_THE_IMAGE.has(each))

export function showDiff(report: DiffReport, out: Output): void {
  const { differences } = report
  out.line(...headline(report))
  const ofImage = differences.filter(isOfImage)
  const files = differences.filter((difference) => !isOfImage(difference))
  if (ofImage.length > 0) {
    out.line('')
    out.line(strong('image'))
    for (const each of ofImage) showOfImage(each, out)
  }
  for (const [layer, inLayer] of grouped(files, ({ layer }) => layer)) {
    out.line('')
    out.line(
      strong(layer === null ? 'flattened files' : `layer ${layer}`),
      faint(`  ${summary(inLayer)}`),
    )
    for (const [directory, inDirectory] of grouped(inLayer, ({ path }) => directoryOf(path))) {
      out.line(`  /${directory}`)
      for (const each of inDirectory) showFile(each, report, out)
    }
  }
  const missing = (report.count ?? differences.length) - differences.length
  if (missing > 0) out.line(faint(`and ${missing} more that are not listed`))
  if (differences.length > 0 && isEnough(report)) {
    out.line(faint('what is listed makes no difference at that level'))
  }
}

/** The strongest first. */
const LEVELS: readonly DiffReport['equal'][] = ['exact', 'normalized', 'rootfs', 'none']

function isEnough({ equal, level }: DiffReport): boolean {
  return LEVELS.indexOf(equal) <= LEVELS.indexOf(level)
}

function headline(report: DiffReport): Text[] {
  const { equal, level, differences, count } = report
  const total = count ?? differences.length
  if (equal === 'none') return [bad('≠ they differ'), faint(`  ${total} ${plural(total)}`)]
  if (!isEnough(report)) {
    return [
      bad(`≠ they differ at level ${level}`),
      `, and are equal at level ${equal}: ${SAME[equal]}`,
      faint(total === 0 ? '' : `  ${total} ${plural(total)}`),
    ]
  }
  const more = total === 0 ? '' : `  ${total} ${plural(total)} below that level`
  return [good(`= equal at level ${equal}`), `: ${SAME[equal]}`, faint(more)]
}

function showOfImage(difference: Difference, out: Output): void {
  const { what, path, layer, a, b } = difference
  const where = layer === null ? '' : ` of layer ${layer}`
  const kind =
    what[0] === 'config' ? 'config' : what[0] === 'annotation' ? `annotation${where}` : ''
  const name = path === '' ? (what[0] === 'layers' ? 'number of layers' : 'flattened files') : path
  out.line(
    '  ',
    mark(difference),
    ' ',
    strong(shortened(name)),
    faint(kind === '' ? '' : `  ${kind}`),
  )
  if (what[0] === 'layers' || what[0] === 'rootfs') {
    for (const line of describeDifference(difference))
      out.line(`      ${line.replace(/^\w+ /, '')}`)
    return
  }
  if (difference.omitted?.includes('value') === true) {
    out.line(faint('      too long to be listed'))
    return
  }
  if (a !== undefined) out.line(faint('      a '), valueText(a.value))
  if (b !== undefined) out.line(faint('      b '), valueText(b.value))
}

function showFile(difference: Difference, report: DiffReport, out: Output): void {
  const { path, what, cause } = difference
  const name = path === '' ? '.' : path.slice(directoryOf(path).length)
  const isWhole = what[0] === 'added' || what[0] === 'removed'
  out.line(
    '    ',
    mark(difference),
    ' ',
    strong(name),
    isWhole ? '' : faint(`  ${what.join(', ')}`),
    // The path alone tells it: what a stranger puts there need not have that cause.
    cause === undefined ? '' : warn(`  often: ${cause}`),
  )
  for (const line of describeDifference(difference)) out.line(`        ${line}`)
  for (const line of report.contentOf?.(difference) ?? []) out.line('        ', contentSpan(line))
}

function mark({ what, a, b }: Difference): Span {
  if (what[0] === 'added' || (a === undefined && b !== undefined)) return good('+')
  if (what[0] === 'removed' || (b === undefined && a !== undefined)) return bad('-')
  return warn('~')
}

function contentSpan(line: string): Text {
  if (line.startsWith('+')) return good(line)
  if (line.startsWith('-')) return bad(line)
  return faint(line)
}

function valueText(value: unknown): string {
  return shortened(typeof value === 'string' ? value : JSON.stringify(value))
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

function summary(differences: readonly Difference[]): string {
  const count = (aspect: Difference['what'][number]): number =>
    differences.filter(({ what }) => what[0] === aspect).length
  const [added, removed] = [count('added'), count('removed')]
  const parts = [
    [added, 'added'],
    [removed, 'removed'],
    [differences.length - added - removed, 'changed'],
  ] as const
  return parts.flatMap(([number, word]) => (number === 0 ? [] : `${number} ${word}`)).join(', ')
}

function plural(count: number): string {
  return count === 1 ? 'difference' : 'differences'
}

function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    // One directory may hold all that differs, a million files: no group is copied to grow.
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
