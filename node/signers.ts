/**
 * Which operator a key speaks for, and whether its word is wanted here.
 *
 * A key counts for the one operator whose valid card lists it; a key that two operators list counts
 * for neither. Wanted is whoever the policy or a followed project's file names.
 */
import type { KeyHex, OperatorId } from '../protocol/identifiers.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Policy } from '../protocol/policy.ts'
import type { Project } from '../protocol/project.ts'
import type { SignedStatement } from '../protocol/statement.ts'

export class Signers {
  readonly #operators = new Map<KeyHex, Set<OperatorId>>()
  readonly #cards = new Map<OperatorId, OperatorCard>()

  /** Adds what a card says; the newest card of an operator stands for it. */
  add({ body }: SignedStatement<OperatorCard>): void {
    for (const key of body.keys) {
      const operators = this.#operators.get(key) ?? new Set()
      this.#operators.set(key, operators.add(body.operator))
    }
    const known = this.#cards.get(body.operator)
    if (known === undefined || known.version < body.version) this.#cards.set(body.operator, body)
  }

  operatorOf(key: KeyHex): OperatorId | undefined {
    const operators = this.#operators.get(key)
    return operators?.size === 1 ? [...operators][0] : undefined
  }

  cardOf(operator: OperatorId): OperatorCard | undefined {
    return this.#cards.get(operator)
  }

  all(): readonly OperatorCard[] {
    return [...this.#cards.values()]
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
