/**
 * A difference as a report lists it that is kept, or given to others: whoever made the image chose
 * how long its values are (an attribute 64 KiB, a config 8 MiB), and not how long the report is.
 */
import type { JsonValue } from '../json.ts'
import type { Difference } from './tree-diff.ts'

/** In JSON, of the path and of each value; there are about ten to a file. */
const MAX_CHARACTERS = 1024

export function listedDifference(difference: Difference): Difference {
  const { path, a, b } = difference
  const long = [...new Set([...tooLong(a), ...tooLong(b)])].sort()
  const isPathLong = path.length > MAX_CHARACTERS
  if (long.length === 0 && !isPathLong) return difference
  return {
    ...difference,
    path: isPathLong ? `${path.slice(0, MAX_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}…` : path,
    ...(a === undefined ? {} : { a: without(a, long) }),
    ...(b === undefined ? {} : { b: without(b, long) }),
    omitted: [...long, ...(isPathLong ? ['path'] : [])],
  }
}

type Values = Readonly<Record<string, JsonValue>>

function tooLong(values: Values = {}): string[] {
  return Object.keys(values).filter(
    (key) => JSON.stringify(values[key] ?? null).length > MAX_CHARACTERS,
  )
}

function without(values: Values, keys: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)))
}
