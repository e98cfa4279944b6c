/**
 * The patterns that resolved values must match, and the matching.
 *
 * RE2 and not the language's own: a pattern may come with somebody else's project file and the
 * value from a stranger's image, and matching takes time in their lengths alone. What RE2 does not
 * have (look-around, back references) is no pattern.
 */
import { RE2JS } from 're2js'

export const MAX_PATTERN_LENGTH = 512
const MAX_VALUE_LENGTH = 256
/** Repetitions of one pattern, taken together: a value has no more characters to repeat. */
const MAX_REPETITIONS = 256
/** Instructions of a compiled pattern; matching takes time in these and in the value's length. */
const MAX_PROGRAM_SIZE = 4096

export function isValuePattern(pattern: string): boolean {
  return compile(pattern) !== undefined
}

/**
 * The whole of a value must match, whatever the pattern says of its ends. Long values are refused
 * unread, and so is everything by what is no pattern.
 */
export function matchesPattern(pattern: string, value: string): boolean {
  return value.length <= MAX_VALUE_LENGTH && compile(pattern)?.matches(value) === true
}

function compile(pattern: string): RE2JS | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined
  let repetitions = 0
  for (const [, from = '', to = ''] of pattern.matchAll(/\{([0-9]+),?([0-9]*)\}/g)) {
    repetitions += Math.max(Number(from), Number(to))
  }
  // Before it is compiled: each repetition is written out there.
  if (repetitions > MAX_REPETITIONS) return undefined
  try {
    const compiled = RE2JS.compile(pattern)
    return compiled.programSize() <= MAX_PROGRAM_SIZE ? compiled : undefined
  } catch {
    return undefined
  }
}
