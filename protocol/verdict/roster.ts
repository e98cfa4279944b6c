/**
 * Who signs for whom: the operators that this user named, as their cards show them.
 *
 * Only operators of the policy and announcers of followed projects are looked at, so that no
 * stranger's card can change anything. Which key is whose does not depend on `now`: a vote does
 * not vanish when a card expires, its operator only stops being able to support an `allow`.
 * protocol/verdict/README.md, protocol/card-chain.ts.
 */
import { linkCards, type CardChain, type ChainTrouble } from '../card-chain.ts'
import type { KeyHex, OperatorId, UnixSeconds } from '../identifiers.ts'
import type { OperatorCard } from '../operator-card.ts'
import type { Policy } from '../policy.ts'
import type { Project } from '../project.ts'
import { revokedKey } from '../revocation.ts'
import type { SignedStatement } from '../statement.ts'

export type CardTrouble =
  /** No card of it is here: its keys are not known. */
  'no-card' | ChainTrouble

interface Standing {
  readonly trouble?: CardTrouble
  readonly expires: UnixSeconds
  /** Keys of its newest card, and those whose logs it has ended: what stands there, it stands by. */
  readonly keys: ReadonlySet<KeyHex>
}

const UNKNOWN: Standing = { trouble: 'no-card', expires: 0, keys: new Set() }

export class Roster {
  readonly #standings = new Map<OperatorId, Standing>()
  readonly #owners = new Map<KeyHex, OperatorId>()
  readonly #sharers = new Map<KeyHex, Set<OperatorId>>()

  constructor(
    cards: Iterable<SignedStatement<OperatorCard>>,
    policy: Policy,
    projects: readonly Project[],
  ) {
    const pins = new Map(policy.operators.map(({ id, card }) => [id, card]))
    const named = new Set([...pins.keys(), ...projects.flatMap(({ announcers }) => announcers)])
    const known = new Map<OperatorId, OperatorCard[]>()
    for (const { key, body } of cards) {
      if (!named.has(body.operator) || !body.keys.includes(key)) continue
      known.set(body.operator, [...(known.get(body.operator) ?? []), body])
    }
    for (const [operator, own] of known) {
      const chain = linkCards(own, pins.get(operator))
      if (chain.newest === undefined) continue
      this.#standings.set(operator, standingOf(chain, chain.newest))
      for (const key of chain.cards.flatMap(({ keys }) => keys)) this.#list(key, operator)
    }
  }

  /** The operator of a key; undefined for a stranger's, and for one that two operators list. */
  operatorOf(key: KeyHex): OperatorId | undefined {
    return this.#sharers.has(key) ? undefined : this.#owners.get(key)
  }

  /** For each key that several operators list: these operators. */
  sharers(): readonly (readonly OperatorId[])[] {
    return [...this.#sharers.values()].map((operators) => [...operators].sort())
  }

  /** Whether its operator still stands by the key: lists it, or has said where its logs end. */
  isCurrent(key: KeyHex): boolean {
    const operator = this.operatorOf(key)
    return operator !== undefined && this.#standing(operator).keys.has(key)
  }

  troubleOf(operator: OperatorId): CardTrouble | undefined {
    return this.#standing(operator).trouble
  }

  /** Whether its newest card can be relied on at `now`. */
  hasValidCard(operator: OperatorId, now: UnixSeconds): boolean {
    const { trouble, expires } = this.#standing(operator)
    return trouble === undefined && now < expires
  }

  /** When its newest card ends. */
  expiryOf(operator: OperatorId): UnixSeconds {
    return this.#standing(operator).expires
  }

  #standing(operator: OperatorId): Standing {
    return this.#standings.get(operator) ?? UNKNOWN
  }

  #list(key: KeyHex, operator: OperatorId): void {
    const owner = this.#owners.get(key)
    if (owner !== undefined && owner !== operator) {
      const sharers = this.#sharers.get(key) ?? new Set([owner])
      this.#sharers.set(key, sharers.add(operator))
    }
    this.#owners.set(key, operator)
  }
}

function standingOf(
  { trouble, expires, cards, revocations }: CardChain,
  { version }: OperatorCard,
): Standing {
  const current = cards.filter((card) => card.version === version).flatMap(({ keys }) => keys)
  const ended = revocations.map(revokedKey).filter((key) => key !== undefined)
  return {
    ...(trouble === undefined ? {} : { trouble }),
    expires,
    keys: new Set([...current, ...ended]),
  }
}
