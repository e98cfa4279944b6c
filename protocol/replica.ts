/**
 * Which of the volunteers of a project build an input first, where its project file asks for so many
 * (`replicas`): rendezvous hashing, so that every node finds the same without asking anybody, each
 * operator has its share, and who joins or leaves moves no more than its own.
 *
 * The weight of an operator is sha256("rebuildnet/replica/1\0" | input digest | operator id), both as
 * the ASCII that they are written in; the highest come first. It says who begins, and nothing about
 * votes: whoever builds later counts as much.
 */
import { toHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import type { InputDigest, OperatorId } from './identifiers.ts'

const DOMAIN = 'rebuildnet/replica/1\0'

/** The operators in the order in which they are to build the input; each once. */
export function replicaOrder(
  input: InputDigest,
  operators: Iterable<OperatorId>,
  crypto: Crypto,
): readonly OperatorId[] {
  const weighed = [...new Set(operators)].map((operator) => {
    const weight = toHex(crypto.sha256(utf8(`${DOMAIN}${input}${operator}`)))
    return { operator, weight }
  })
  return weighed
    .sort((a, b) => (a.weight > b.weight ? -1 : a.weight < b.weight ? 1 : 0))
    .map(({ operator }) => operator)
}

/**
 * How many turns an operator waits: 0 for the first `replicas`, 1 for as many after them, and so on.
 * Whoever is none of the operators comes after all of them.
 */
export function replicaTurn(
  order: readonly OperatorId[],
  operator: OperatorId,
  replicas: number,
): number {
  const place = order.indexOf(operator)
  return Math.floor((place < 0 ? order.length : place) / replicas)
}
