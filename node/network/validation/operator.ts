/** What may come on the topic `operator`: operator cards. */
import { checkSigner, checkTime, offer, openMessage } from './checks.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import type { GossipCode } from './outcome.ts'

export async function validateOperator(
  message: GossipMessage,
  context: ValidationContext,
): Promise<GossipCode> {
  // Size, encoding, known?, the peer's budget, signature and schema, the card's proofs among it.
  const statement = await openMessage(message, context)
  if (typeof statement === 'string') return statement

  // [REJECT] The statement is a card.
  if (statement.body.kind !== 'operator') return 'wrong-topic'

  // [IGNORE] It has been issued and has not expired; [IGNORE] its signer may say more.
  const refused =
    checkTime(statement.body, context) ?? (await checkSigner(statement, message.peer, context))
  return refused ?? offer(statement, message, context)
}
