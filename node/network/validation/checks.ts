/**
 * The checks that every topic shares, cheapest first: size, encoding, known?, budget, signature;
 * then, by kind, signer, time and what the statement waits for. Each returns the code of what it
 * found, or undefined where the statement passes.
 */
import { toHex } from '../../../protocol/bytes.ts'
import { messageId, parseEnvelope } from '../../../protocol/envelope.ts'
import type { Sid } from '../../../protocol/identifiers.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { StatementError } from '../../../protocol/statement-error.ts'
import type { SignedStatement, StatementBody } from '../../../protocol/statement.ts'
import { statementTime } from '../../../protocol/statement-time.ts'
import { unixSeconds } from '../../clock.ts'
import type { SignerStanding } from '../admission.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import type { GossipCode } from './outcome.ts'

/** How far a clock may be ahead of this one. */
const MAX_AHEAD_SECONDS = 600
/** A stranger's statement is not kept for longer, so an older one is not taken at all. */
const UNKNOWN_RETENTION_SECONDS = 7 * 24 * 3600

/** Opens a message, or says why not. */
export async function openMessage(
  message: GossipMessage,
  context: ValidationContext,
): Promise<SignedStatement | GossipCode> {
  const { crypto, admission, quotas, prepare } = context
  try {
    // [REJECT] The message is at most 32 KiB, and [REJECT] long enough to hold a key, a signature
    // and a payload. [IGNORE] Its version is one that this node reads.
    parseEnvelope(message.data)

    // [IGNORE] These very bytes are not here yet. A hash, so that a flood of repeats costs no signature.
    const hash = toHex(messageId(message.data, crypto))
    if (await admission.isKnownMessage(hash)) return 'duplicate'

    // [IGNORE] The peer has not used up what it may have verified.
    if (!quotas.takeVerification(message.peer)) return 'over-peer-budget'

    // [REJECT] The key is within the strict profile and its signature verifies; [REJECT] the
    // payload is a statement of its kind as the v1 schema has it; [IGNORE] it is of a known kind.
    await prepare([message.data])
    return openStatement(message.data, crypto)
  } catch (error) {
    if (error instanceof StatementError) return error.code
    throw error
  }
}

/** Charges the signer. */
export async function checkSigner(
  statement: SignedStatement,
  peer: string,
  context: ValidationContext,
): Promise<GossipCode | undefined> {
  const standing = await context.admission.admitsSigner(statement.key, statement)
  // [IGNORE] A known signer is within its quota for the day.
  if (standing === 'known') {
    return context.quotas.takeKnown(statement.key, statement.body.kind)
      ? undefined
      : 'over-key-quota'
  }
  // [IGNORE] An unknown signer's statement is fresh, and within the little that strangers get.
  const stale = checkAge(statement.body, standing, context)
  if (stale !== undefined) return stale
  return context.quotas.takeUnknown(peer, statement.key) ? undefined : 'over-unknown-budget'
}

/** [IGNORE] The statement is not dated more than 10 minutes ahead, and a card has not expired. */
export function checkTime(
  body: StatementBody,
  context: Pick<ValidationContext, 'clock'>,
): GossipCode | undefined {
  const now = unixSeconds(context.clock)
  if (body.kind === 'operator' && body.expires <= now) return 'expired'
  return statementTime(body) > now + MAX_AHEAD_SECONDS ? 'dated-ahead' : undefined
}

/** [IGNORE] A statement of an unknown signer is young enough to be kept. */
function checkAge(
  body: StatementBody,
  standing: SignerStanding,
  context: Pick<ValidationContext, 'clock'>,
): GossipCode | undefined {
  const oldest = unixSeconds(context.clock) - UNKNOWN_RETENTION_SECONDS
  return standing === 'unknown' && statementTime(body) < oldest ? 'too-old' : undefined
}

/** [IGNORE] What the statement speaks of is here; until it comes, the statement waits for it. */
export function park(
  waitsFor: Sid,
  statement: SignedStatement,
  message: GossipMessage,
  context: ValidationContext,
): GossipCode {
  context.parking.park(waitsFor, { statement, bytes: message.data, peer: message.peer })
  return 'parked'
}

/** [IGNORE] The store takes it. */
export function offer(
  statement: SignedStatement,
  message: GossipMessage,
  context: ValidationContext,
): Promise<GossipCode> {
  return context.admission.accept(statement, message.data, { via: 'gossip', peer: message.peer })
}
