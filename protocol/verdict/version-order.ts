/**
 * Which of two versions is newer, where their spelling tells.
 *
 * Times in statements are only claims, so the spelling decides: dotted numbers, compared one by
 * one, a pre-release before its release. Anything else (commit ids, names) has no order, and then
 * nothing is called superseded.
 */

const VERSION = /^v?(\d{1,15}(?:[.-]\d{1,15})*)(?:[-+~._]?([a-z][0-9a-z.+~_-]*))?$/i

function numbers(text: string): number[] {
  return text.split(/\D+/).filter(Boolean).map(Number)
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether `a` is certainly newer than `b`. */
export function isNewerVersion(a: string, b: string): boolean {
  const [matchA, coreA = '', labelA] = VERSION.exec(a) ?? []
  const [matchB, coreB = '', labelB] = VERSION.exec(b) ?? []
  if (matchA === undefined || matchB === undefined) return false
  const order = compareNumbers(numbers(coreA), numbers(coreB))
  if (order !== 0) return order > 0
  if (labelA === undefined) return labelB !== undefined
  if (labelB === undefined) return false
  const word = (label: string): string => label.replace(/\d+/g, '').toLowerCase()
  if (word(labelA) !== word(labelB)) return word(labelA) > word(labelB)
  return compareNumbers(numbers(labelA), numbers(labelB)) > 0
}
