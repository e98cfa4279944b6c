/** The few ways in which answers put things into words. */
import type { OperatorId } from '../identifiers.ts'

/** `1 operator`, `3 operators`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`
}

/** Text that others wrote, fit for one line of a terminal: no controls, no invisible direction marks. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{fffd}')
}

/** A digest as a person compares it: its end cut off, its kind kept. */
export function shortDigest(digest: string): string {
  return digest.replace(/([0-9a-f]{12})[0-9a-f]{52}$/, '$1…')
}

export function operatorName(operator: {
  readonly operator: OperatorId
  readonly name?: string
}): string {
  const id = `${operator.operator.slice(0, 11)}…`
  return operator.name === undefined ? id : `${printable(operator.name)} (${id})`
}

/** `a`, `a and b`, `a, b and c`. */
export function list(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}
