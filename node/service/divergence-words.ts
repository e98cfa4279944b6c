/** The files in which two camps differ, one line each, for the explanation of a verdict. */
import { describeDifference } from '../../protocol/normalize/difference-words.ts'
import type { Divergence } from '../divergences.ts'

const MAX_LINES = 20
const PUBLISHED = 'published'

/** `nameOf` gives the name of an operator id, where it has one. */
export function divergenceWords(
  { a, b, count, differences }: Divergence,
  nameOf: (operator: string) => string,
): string[] {
  const side = (who: readonly string[]): string => {
    const names = who.filter((each) => each !== PUBLISHED).map(nameOf)
    const got = names.length === 0 ? [] : [`what ${inWords(names)} got`]
    return [...(who.includes(PUBLISHED) ? ['what was published'] : []), ...got].join(' and ')
  }
  const paths = count === 1 ? '1 difference' : `${count} differences`
  const lines = differences.slice(0, MAX_LINES).map(({ cause, ...difference }) => {
    const { path, layer, what } = difference
    const where = layer === null ? '' : ` (layer ${layer})`
    const why = cause === undefined ? '' : ` [often: ${cause}]`
    return `  ${path === '' ? '/' : path}${where}: ${what.join(', ')}; ${describeDifference(difference).join('; ')}${why}`
  })
  const more = count > lines.length ? [`  and ${count - lines.length} more`] : []
  return [`From ${side(a)} to ${side(b)}: ${paths}.`, ...lines, ...more]
}

function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}
