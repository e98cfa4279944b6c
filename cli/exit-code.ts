/** What each command's exit code says. cli/README.md. */
import type { Decision } from '../protocol/verdict/answer.ts'

export const EXIT = { yes: 0, no: 1, error: 2, undecided: 3 } as const

export function exitCodeOf(decision: Decision): number {
  return decision === 'allow' ? EXIT.yes : decision === 'deny' ? EXIT.no : EXIT.undecided
}
