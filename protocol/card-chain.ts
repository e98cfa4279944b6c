/**
 * Which cards of one operator follow one another.
 *
 * The card of version 1 is the operator: its id is a hash of it. Version n+1 follows version n where
 * it names that card by its digest and that card's root key has agreed to it. Whatever does not
 * follow may have been made by anybody, and is not looked at, as long as the cards between are not
 * here. Cards of one version that both follow are of the operator, or of whoever has its root key:
 * only a policy can say which is meant. A pin stands for that card, those before it, and those after.
 */
import type { UnixSeconds } from './identifiers.ts'
import type { OperatorCard } from './operator-card.ts'
import type { Revocation } from './revocation.ts'
import { isSameRootKey } from './root-key.ts'

export type ChainTrouble =
  /** Two different cards of one version, and the policy pins neither. */
  | 'two-cards'
  /** The card that the policy pins is not here. */
  | 'pin-missing'

export interface CardChain {
  /** Those that are believed, the oldest first. */
  readonly cards: readonly OperatorCard[]
  /**
   * The one with the highest version, expired or not: an older one must not come back to life. With
   * two of one version, the one whose digest comes first, so that every node names the same.
   */
  readonly newest: OperatorCard | undefined
  readonly trouble?: ChainTrouble
  /** When the newest stops being valid; the earliest end, where there are two. */
  readonly expires: UnixSeconds
  /** Of all of them: what one card revokes, no later card brings back. */
  readonly revocations: readonly Revocation[]
}

/** @param cards opened cards of one operator; @param pin digest of the one that the policy names */
export function linkCards(cards: Iterable<OperatorCard>, pin?: string): CardChain {
  const known = [...new Map([...cards].map((card) => [card.cardDigest, card])).values()].sort(order)
  const pinned = known.find(({ cardDigest }) => cardDigest === pin)
  const believed = lineOf(pinned, known)
  // Ascending versions: whatever a card follows has been judged before it.
  for (const card of known) {
    const isFirst = card.version === 1 && pinned === undefined
    const isLater = pinned === undefined || card.version > pinned.version
    if (isFirst || (isLater && follows(card, believed))) believed.set(card.cardDigest, card)
  }
  const chosen = [...believed.values()].sort(order)
  const newest = chosen.findLast(({ version }, i) => version !== chosen[i - 1]?.version)
  const current = chosen.filter(({ version }) => version === newest?.version)
  const doubled = new Set(chosen.map(({ version }) => version)).size < chosen.length
  const trouble =
    pin !== undefined && pinned === undefined ? 'pin-missing' : doubled ? 'two-cards' : undefined
  return {
    cards: chosen,
    newest,
    ...(trouble === undefined ? {} : { trouble }),
    expires: current.length === 0 ? 0 : Math.min(...current.map(({ expires }) => expires)),
    revocations: chosen.flatMap(({ revocations = [] }) => revocations),
  }
}

/** Whether `card` is the one that comes right after `previous`. */
export function isSuccessor(card: OperatorCard, previous: OperatorCard): boolean {
  return (
    card.operator === previous.operator &&
    card.version === previous.version + 1 &&
    card.previous?.cardDigest === previous.cardDigest &&
    isSameRootKey(card.previous.rootKey, previous.rootKey)
  )
}

/** The pinned card and those before it, by digest: the user's word stands for what it names. */
function lineOf(
  pinned: OperatorCard | undefined,
  known: readonly OperatorCard[],
): Map<string, OperatorCard> {
  const line = new Map<string, OperatorCard>()
  for (let at = pinned; at !== undefined;) {
    line.set(at.cardDigest, at)
    const after = at
    at = known.find((card) => isSuccessor(after, card))
  }
  return line
}

function follows(card: OperatorCard, earlier: ReadonlyMap<string, OperatorCard>): boolean {
  const previous = earlier.get(card.previous?.cardDigest ?? '')
  return previous !== undefined && isSuccessor(card, previous)
}

function order(a: OperatorCard, b: OperatorCard): number {
  return a.version - b.version || (a.cardDigest < b.cardDigest ? -1 : 1)
}
