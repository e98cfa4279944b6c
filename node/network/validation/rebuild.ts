/**
 * What may come on a topic `rebuild/<shards>/<shard>`: rebuilds, commitments to them, and withdrawals
 * of rebuilds.
 */
import { shardOf } from '../topics.ts'
import { checkSigner, checkTime, offer, openMessage, park } from './checks.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import type { GossipCode } from './outcome.ts'

export async function validateRebuild(
  message: GossipMessage,
  context: ValidationContext,
): Promise<GossipCode> {
  // Size, encoding, known?, the peer's budget, signature and schema.
  const statement = await openMessage(message, context)
  if (typeof statement === 'string') return statement
  const { body } = statement

  // [REJECT] The statement is a rebuild or a commitment to one, or takes something back.
  if (body.kind !== 'rebuild' && body.kind !== 'commitment' && body.kind !== 'withdrawal') {
    return 'wrong-topic'
  }

  // [REJECT] Its project belongs to this shard.
  if (shardOf(body.image, context.shards, context.crypto) !== message.topic.shard) {
    return 'wrong-shard'
  }

  // [IGNORE] It is of its time; [IGNORE] its signer may say more.
  const refused = checkTime(body, context) ?? (await checkSigner(statement, message.peer, context))
  if (refused !== undefined) return refused

  // [IGNORE] The release that was rebuilt is here; until it comes, the statement waits.
  // [IGNORE] What is withdrawn is here, and a rebuild; until it comes, the withdrawal waits.
  const [needs, kind] =
    body.kind === 'withdrawal'
      ? ([body.withdraws, 'rebuild'] as const)
      : ([body.release, 'release'] as const)
  const found = await context.admission.kindOf(needs)
  if (found === undefined) return park(needs, statement, message, context)
  if (found !== kind) return 'mismatch'
  return offer(statement, message, context)
}
