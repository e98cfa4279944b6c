/**
 * Which of two versions is newer, where their spelling tells.
 *
 * Times in statements are only claims, so the spelling decides: dotted numbers, compared one by
 * one, a pre-release before its release. Anything else (commit ids, names) has no order, and then
 * nothing is called superseded.
 */

const PRE_RELEASES = ['dev', 'alpha', 'beta', 'pre', 'rc']
const VERSION = new RegExp(
  `^v?(\\d{1,15}(?:[.-]\\d{1,15})*)(?:[-.~_]?(${PRE_RELEASES.join('|')})[-.]?(\\d{1,15})?)?$`,
)

/** Whether `a` is certainly newer than `b`. */
export function isNewerVersion(a: string, b: string): boolean {
  const [left, right] = [parse(a), parse(b)]
  if (left === undefined || right === undefined) return false
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** Numbers to compare one by one; a version's own numbers end with how near it is to its release. */
function parse(version: string): readonly number[] | undefined {
  const [, core, label, number] = VERSION.exec(version) ?? []
  if (core === undefined) return undefined
  const numbers = core.split(/[.-]/).map(Number)
  // `1.0` and `1.0.0` are one version.
  while (numbers.at(-1) === 0) numbers.pop()
  const nearness = label === undefined ? 0 : PRE_RELEASES.indexOf(label) - PRE_RELEASES.length
  // A pre-release stands below everything that its numbers could be followed by.
  return [...numbers, nearness, Number(number ?? 0)]
}
