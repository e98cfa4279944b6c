/**
 * Which operator a key speaks for, and whether its word is wanted here.
 *
 * A key counts for the one operator whose cards list it; a key that two operators list counts for
 * neither. Only cards that follow one another are looked at (protocol/card-chain.ts): anybody can
 * write any operator's id into a later card. Wanted is whoever the policy or a followed project's
 * file names.
 */
import { isSuccessor, linkCards, type CardChain } from '../protocol/card-chain.ts'
import type { KeyHex, OperatorId } from '../protocol/identifiers.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Policy } from '../protocol/policy.ts'
import type { Project } from '../protocol/project.ts'
import type { SignedStatement } from '../protocol/statement.ts'

const NO_CHAIN = linkCards([])

export class Signers {
  readonly #operators = new Map<KeyHex, Set<OperatorId>>()
  readonly #cards = new Map<OperatorId, Map<string, SignedStatement<OperatorCard>>>()
  readonly #chains = new Map<OperatorId, CardChain>()

  /** Adds what a card says, as soon as those before it are here. */
  add(statement: SignedStatement<OperatorCard>): void {
    const { operator, cardDigest } = statement.body
    const cards = this.#cards.get(operator) ?? new Map<string, SignedStatement<OperatorCard>>()
    if (cards.has(cardDigest)) return
    this.#cards.set(operator, cards.set(cardDigest, statement))
    const chain = linkCards([...cards.values()].map(({ body }) => body))
    this.#chains.set(operator, chain)
    for (const key of chain.cards.flatMap(({ keys }) => keys)) {
      const operators = this.#operators.get(key) ?? new Set()
      this.#operators.set(key, operators.add(operator))
    }
  }

  operatorOf(key: KeyHex): OperatorId | undefined {
    const operators = this.#operators.get(key)
    return operators?.size === 1 ? operators.values().next().value : undefined
  }

  /** Its newest card. */
  cardOf(operator: OperatorId): OperatorCard | undefined {
    return this.#chains.get(operator)?.newest
  }

  /** The cards of an operator that are believed; with `pin`, those on the line of that card. */
  chainOf(operator: OperatorId, pin?: string): CardChain {
    if (pin === undefined) return this.#chains.get(operator) ?? NO_CHAIN
    return linkCards(
      [...(this.#cards.get(operator)?.values() ?? [])].map(({ body }) => body),
      pin,
    )
  }

  /** The statement by which a card came here first. */
  statementOf({ operator, cardDigest }: OperatorCard): SignedStatement<OperatorCard> | undefined {
    return this.#cards.get(operator)?.get(cardDigest)
  }

  /** Whether a card is a first one, or comes after one that is believed. */
  isLinked(card: OperatorCard): boolean {
    if (card.version === 1) return true
    return this.chainOf(card.operator).cards.some((earlier) => isSuccessor(card, earlier))
  }

  all(): readonly OperatorCard[] {
    return [...this.#chains.values()].flatMap(({ newest }) => newest ?? [])
  }
}

/** Operators that this user named: in the policy, or as announcers of a followed project. */
export function wantedOperators(
  policy: Policy,
  projects: readonly Project[],
  self: OperatorId,
): ReadonlySet<OperatorId> {
  const announcers = projects.flatMap((project) => project.announcers)
  return new Set([self, ...policy.operators.map(({ id }) => id), ...announcers])
}
