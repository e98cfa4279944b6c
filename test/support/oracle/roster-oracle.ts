/** Whose key is whose, and who is believed, a second time and naively: for the verdict's oracle. */
import type { OperatorCard } from '../../../protocol/operator-card.ts'
import type { SignedStatement, StatementBody } from '../../../protocol/statement.ts'
import type { DecideInput } from '../../../protocol/verdict/decide.ts'

export const unique = (items: readonly string[]): string[] => [...new Set(items)].sort()

export function only<K extends StatementBody['kind']>(
  statements: readonly SignedStatement[],
  kind: K,
): SignedStatement<Extract<StatementBody, { kind: K }>>[] {
  return statements.filter((s) => s.body.kind === kind) as never
}

/** Remembers: what is asked of one operator or key is asked again and again. */
function once<T>(answer: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    if (!known.has(name)) known.set(name, answer(name))
    return known.get(name) as T
  }
}

export function rosterOracle(
  { policy, projects, view, now }: DecideInput,
  statements: readonly SignedStatement[],
) {
  const trusted = policy.operators.map((o) => o.id)
  const named = unique([...trusted, ...projects.flatMap((p) => p.announcers)])
  const cardsOf = once((operator) => {
    const own = only(statements, 'operator')
      .filter((s) => s.body.operator === operator && s.body.keys.includes(s.key))
      .map((s) => s.body)
    const pin = policy.operators.find((o) => o.id === operator)?.card
    const pinned = own.find((card) => card.cardDigest === pin)
    const parentOf = (card: OperatorCard): OperatorCard | undefined =>
      own.find(
        (each) =>
          each.cardDigest === card.previous?.cardDigest &&
          each.version + 1 === card.version &&
          each.rootKey.key === card.previous.rootKey.key,
      )
    const line = (card: OperatorCard | undefined): OperatorCard[] =>
      card === undefined ? [] : [...line(parentOf(card)), card]
    const isBelieved = (card: OperatorCard): boolean => {
      const before = line(card).map((each) => each.cardDigest)
      const follows = line(card)[0]?.version === 1
      if (pinned === undefined) return follows
      return before.includes(pinned.cardDigest) || line(pinned).includes(card)
    }
    return own.filter(isBelieved)
  })
  const ownersOf = (key: string) =>
    named.filter((o) => cardsOf(o).some((card) => card.keys.includes(key)))
  const operatorOf = once((key) => {
    const owners = ownersOf(key)
    return owners.length === 1 ? owners[0] : undefined
  })
  const newest = (operator: string) => {
    const cards = cardsOf(operator)
    return cards.filter((card) => cards.every((other) => other.version <= card.version))
  }
  const standsBy = (operator: string, key: string) =>
    newest(operator).some((card) => card.keys.includes(key)) ||
    cardsOf(operator).some((card) =>
      (card.revocations ?? []).some(({ origin }) => origin.split('/')[3] === key),
    )
  const isDoubled = once((operator) => {
    const cards = cardsOf(operator)
    return cards.some((x) =>
      cards.some((y) => x.version === y.version && x.cardDigest !== y.cardDigest),
    )
  })
  const lacksPin = (operator: string) => {
    const pin = policy.operators.find((o) => o.id === operator)?.card
    return (
      pin !== undefined &&
      cardsOf(operator).length > 0 &&
      !cardsOf(operator).some((card) => card.cardDigest === pin)
    )
  }
  const cannotBeBelieved = (operator: string) =>
    view.isEquivocator(operator) || isDoubled(operator) || lacksPin(operator)
  const hasValidCard = (operator: string) =>
    newest(operator).length > 0 && newest(operator).every((card) => card.expires > now)
  return { operatorOf, standsBy, cannotBeBelieved, hasValidCard }
}
