/**
 * Where an operator says that a log of one of its keys ends.
 *
 * A revocation names (origin, size, root): leaves beyond that size do not count, nor does a log whose
 * first `size` leaves do not give that root. It ends the key's line of logs: later origins of the
 * key count only where they are named themselves. It is never a time, and cannot be taken back:
 * those of all the operator's cards hold together, whichever card is the newest.
 * protocol/README.md.
 */
import type { Field } from './field.ts'
import { compareText } from './field.ts'
import type { KeyHex, OperatorId } from './identifiers.ts'
import { LogError } from './log/log-error.ts'
import { parseOrigin, type Origin } from './log/origin.ts'

/** A log is closed at this many leaves. */
const MAX_LOG_LEAVES = 2 ** 16
const MAX_REVOCATIONS = 48

export interface Revocation {
  /** Of the log. */
  readonly origin: string
  /** How many of its leaves still count. */
  readonly size: number
  /** Merkle root of these, lowercase hex. */
  readonly root: string
}

/** The list in a card of `operator`, sorted by origin, each origin once. */
export function parseRevocations(field: Field, operator: OperatorId): readonly Revocation[] {
  const revocations = field.sortedList(
    MAX_REVOCATIONS,
    (item): Revocation => {
      const origin = item.at('origin')
      const name = origin.spelled((text) => openOrigin(text) !== undefined, "a log's origin")
      if (openOrigin(name)?.operator !== operator) {
        origin.fail('inconsistent', 'is a log of another operator')
      }
      return {
        origin: name,
        size: item.at('size').integer(0, MAX_LOG_LEAVES),
        root: item.at('root').spelled(isRoot, 'a Merkle root (64 hex digits)'),
      }
    },
    (a, b) => compareText(a.origin, b.origin),
  )
  if (revocations.length === 0) field.fail('not-canonical', 'is empty: leave it out')
  return revocations
}

/** The key whose log a revocation ends. */
export function revokedKey({ origin }: Revocation): KeyHex | undefined {
  return openOrigin(origin)?.key
}

/**
 * What still counts of the log `origin`: `all`; `none`, where an earlier log of the key has been
 * ended; or the leaves below the smallest of the bounds, if the log's prefixes have their roots.
 */
export function standingOf(
  origin: string,
  revocations: readonly Revocation[],
): 'all' | 'none' | readonly Revocation[] {
  const bounds = revocations.filter((revocation) => revocation.origin === origin)
  if (bounds.length > 0) return bounds
  const log = openOrigin(origin)
  const isAfter = revocations.some((revocation) => {
    const ended = openOrigin(revocation.origin)
    return (
      log !== undefined &&
      ended?.operator === log.operator &&
      ended.key === log.key &&
      ended.n < log.n
    )
  })
  return isAfter ? 'none' : 'all'
}

function openOrigin(text: string): Origin | undefined {
  try {
    return parseOrigin(text)
  } catch (error) {
    if (error instanceof LogError) return undefined
    throw error
  }
}

function isRoot(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
