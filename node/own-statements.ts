/**
 * What this node has said: with its signing key of today, and with those that it has laid down.
 *
 * Another node of the operator has its own key, on the same card; a key that earlier cards list and
 * today's does not was rotated away, and what it said still binds.
 */
import type { KeyHex } from '../protocol/identifiers.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { NodeParts } from './node-parts.ts'

export async function ownStatements({
  store,
  signers,
  identity,
}: Pick<NodeParts, 'store' | 'signers' | 'identity'>): Promise<SignedStatement[]> {
  const { operator, cardDigest, keys } = identity.card.body
  const { cards } = signers.chainOf(operator, cardDigest)
  const earlier = cards.flatMap((card) => card.keys).filter((key) => !keys.includes(key))
  const own: SignedStatement[] = []
  for (const key of new Set<KeyHex>([...earlier, identity.key.publicKey])) {
    own.push(...(await store.statements.ofKey(key)))
  }
  return own
}
