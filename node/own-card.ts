/** A card that another node of our operator made goes into force here too, where none rivals it. */
import type { NodeParts } from './node-parts.ts'
import type { Logger } from './logger.ts'

export async function takeOwnCard(
  { identity, signers, store }: Pick<NodeParts, 'identity' | 'signers' | 'store'>,
  logger: Logger,
): Promise<void> {
  const { operator, cardDigest } = identity.card.body
  const { newest, trouble } = signers.chainOf(operator, cardDigest)
  const statement = newest === undefined ? undefined : signers.statementOf(newest)
  if (trouble !== undefined || statement === undefined || !identity.isNewer(statement)) return
  const stored = await store.statements.get(statement.sid)
  if (stored === undefined) return
  await identity.adopt({ card: statement, cardBytes: stored.bytes })
  logger.info({ version: statement.body.version }, 'a newer own card is in force')
}
