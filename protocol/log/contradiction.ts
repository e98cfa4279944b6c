/**
 * What signed heads of one key say against one another, as far as it can be shown.
 *
 * A head that is only a claim, or held, was signed all the same: it speaks against others too. That
 * its leaves are not here matters only where two beginnings are compared.
 */
import type { Crypto } from '../crypto.ts'
import {
  proveAfterSeal,
  proveFork,
  proveRewrite,
  proveShrink,
  type EquivocationProof,
} from './equivocation.ts'
import type { FollowedLog } from './followed-log.ts'
import type { Head } from './head.ts'

/** Against a head that is offered: `log` is its own, `chain` all logs of its key. */
export function contradictionOf(
  head: Head,
  log: FollowedLog,
  chain: Iterable<FollowedLog>,
  crypto: Crypto,
): EquivocationProof | undefined {
  for (const other of [log.head, log.claim, log.first, log.held]) {
    if (other === undefined) continue
    if (other.size === head.size && other.root !== head.root) return proveFork(other, head, crypto)
    const [earlier, later] = other.time < head.time ? [other, head] : [head, other]
    if (earlier.time < later.time && earlier.size > later.size) {
      return proveShrink(other, head, crypto)
    }
  }
  const kept = log.head
  if (kept !== undefined && head.size < kept.size && !log.tree.hasPrefix(head.size, head.root)) {
    return proveRewrite(head, kept, log.tree, crypto)
  }
  for (const other of chain) {
    const proof = acrossLogs(head, other, crypto)
    if (proof !== undefined) return proof
  }
  return undefined
}

/** Of smaller heads that were only claims, against the leaves that have just come from `from` on. */
export function contradictionShownBy(
  { head, tree }: FollowedLog,
  from: number,
  claims: readonly (Head | undefined)[],
  crypto: Crypto,
): EquivocationProof | undefined {
  for (const claim of claims) {
    if (head === undefined || claim === undefined || claim.size >= head.size) continue
    // Below that, it was looked at when it was offered.
    if (claim.size <= from) continue
    if (!tree.hasPrefix(claim.size, claim.root)) return proveRewrite(claim, head, tree, crypto)
  }
  return undefined
}

function acrossLogs(head: Head, other: FollowedLog, crypto: Crypto): EquivocationProof | undefined {
  const distance = other.origin.n - head.origin.n
  if (distance > 0) {
    const { first } = other
    const isLate = first !== undefined && head.time > first.time
    return isLate ? proveAfterSeal(head, first, crypto) : undefined
  }
  if (distance === 0) return undefined
  const late = [other.head, other.claim, other.held].find(
    (each) => each !== undefined && each.time > head.time,
  )
  return late === undefined ? undefined : proveAfterSeal(late, head, crypto)
}
