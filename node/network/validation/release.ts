/** What may come on the topic `release`: releases, and withdrawals of releases. */
import { checkSigner, checkTime, offer, openMessage, park } from './checks.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import type { GossipCode } from './outcome.ts'

export async function validateRelease(
  message: GossipMessage,
  context: ValidationContext,
): Promise<GossipCode> {
  // Size, encoding, known?, the peer's budget, signature and schema.
  const statement = await openMessage(message, context)
  if (typeof statement === 'string') return statement
  const { body } = statement

  // [REJECT] The statement is a release, or takes something back.
  if (body.kind !== 'release' && body.kind !== 'withdrawal') return 'wrong-topic'

  // [IGNORE] It is of its time; [IGNORE] its signer may say more.
  const refused = checkTime(body, context) ?? (await checkSigner(statement, message.peer, context))
  if (refused !== undefined) return refused

  // [IGNORE] What is withdrawn is here; until it comes, the withdrawal waits. That it is no release
  // after all says nothing about the sender, which may not have it.
  if (body.kind === 'withdrawal') {
    const withdrawn = await context.admission.kindOf(body.withdraws)
    if (withdrawn === undefined) return park(body.withdraws, statement, message, context)
    if (withdrawn !== 'release') return 'mismatch'
  }
  return offer(statement, message, context)
}
