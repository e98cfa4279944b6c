/** A finished card goes into force: by way of the node, or with another signing key, below it. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { rotateSigningKey, settleRootKey } from '../../node/operator-identity.ts'
import type { Cards } from '../../node/http/trust-summary.ts'
import { parseBase64 } from '../../protocol/bytes.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { nextSigningKey, requireStopped, type OwnOperator } from './own-operator.ts'

/** Returns the card. */
export async function installCard(
  context: Context,
  { folder, identity }: OwnOperator,
  cards: Cards,
): Promise<OperatorCard> {
  const bytes = parseBase64(cards.card)
  const statement = bytes === undefined ? undefined : openStatement(bytes, nodeCrypto)
  if (bytes === undefined || statement?.body.kind !== 'operator') {
    throw new CliError('file', 'this is no operator card: "rebuildnet card FILE" writes one')
  }
  const card = statement.body
  const next = await nextSigningKey(folder)
  const { operator, version } = identity.card.body
  const isRotation = !card.keys.includes(identity.key.publicKey)
  if (isRotation && next !== undefined && card.keys.includes(next.publicKey)) {
    if (card.operator !== operator || card.version <= version) {
      throw new CliError('file', `this is no newer card of ${operator} than version ${version}`)
    }
    await requireStopped(context)
    await rotateSigningKey(folder, bytes)
  }
  await context.withNode(({ client }) => client.adoptCard(cards))
  await settleRootKey(folder, card)
  return card
}
