/** Inputs that were not the same for everybody, one line each, for an explanation and for a diff. */
import type { DifferingInput } from './differing-inputs.ts'
import { list, printable, shortDigest } from './verdict/wording.ts'

const MAX_LINES = 20

/** `nameOf` gives the name of a party. */
export function inputWords(
  inputs: readonly DifferingInput[],
  nameOf: (who: string) => string,
): string[] {
  if (inputs.length === 0) return []
  const lines = inputs.slice(0, MAX_LINES).map(({ uri, versions }) => {
    const each = versions.map(({ digests, who }) => {
      return `${list(digests.map(shortDigest))} for ${list(who.map(nameOf))}`
    })
    return `  ${printable(uri)}: ${each.join('; ')}`
  })
  const more = inputs.length > lines.length ? [`  and ${inputs.length - lines.length} more`] : []
  return ['They did not read the same inputs:', ...lines, ...more]
}
