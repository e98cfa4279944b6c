/**
 * From what was found out about a message to what gossip does with it.
 *
 * *reject* costs the peer that sent it its standing, so it is only for what is wrong on every node
 * for ever. What depends on time, state, quota or policy is *ignore*: the message is dropped and
 * nobody is blamed, and sync brings it back if it is wanted. The tables are exhaustive: a new code
 * does not compile until somebody has decided. node/network/README.md.
 */
import { LOG_ERROR_CODES, LogError, type LogErrorCode } from '../../../protocol/log/log-error.ts'
import { dispositionOf, type StatementErrorCode } from '../../../protocol/statement-error.ts'

export type GossipOutcome = 'accept' | 'ignore' | 'reject'

type OwnCode =
  // Taken
  | 'stored'
  // Objectively wrong
  | 'wrong-topic'
  | 'wrong-shard'
  // Nobody's fault
  | 'duplicate'
  | 'over-peer-budget'
  | 'over-key-quota'
  | 'over-unknown-budget'
  | 'over-quota'
  | 'dated-ahead'
  | 'too-old'
  | 'expired'
  | 'parked'
  | 'mismatch'
  | 'read-only'
  | 'internal-error'
  // Heads and proofs: taken, until its leaves come,
  | 'gap'
  // taken, since it shows that its log is forked,
  | 'forked'
  // or nobody's fault
  | 'unknown-message'
  | 'unwanted-log'
  | 'unknown-card'
  | 'unreadable-log'
  | 'superseded'

export type GossipCode = OwnCode | StatementErrorCode | LogErrorCode

const OUTCOMES: Readonly<Record<OwnCode, GossipOutcome>> = {
  stored: 'accept',
  'wrong-topic': 'reject',
  'wrong-shard': 'reject',
  duplicate: 'ignore',
  'over-peer-budget': 'ignore',
  'over-key-quota': 'ignore',
  'over-unknown-budget': 'ignore',
  'over-quota': 'ignore',
  'dated-ahead': 'ignore',
  'too-old': 'ignore',
  expired: 'ignore',
  parked: 'ignore',
  // Only a node that holds the release can see it; the sender may not.
  mismatch: 'ignore',
  'read-only': 'ignore',
  'internal-error': 'ignore',
  gap: 'accept',
  forked: 'accept',
  // Of a later version.
  'unknown-message': 'ignore',
  'unwanted-log': 'ignore',
  'unknown-card': 'ignore',
  'unreadable-log': 'ignore',
  superseded: 'ignore',
}

const LOG_CODES: ReadonlySet<string> = new Set(LOG_ERROR_CODES)

export function outcomeOf(code: GossipCode): GossipOutcome {
  if (isOwn(code)) return OUTCOMES[code]
  // A code that both have means the same in both.
  return isOfLog(code) ? new LogError(code, '').disposition : dispositionOf(code)
}

function isOfLog(code: StatementErrorCode | LogErrorCode): code is LogErrorCode {
  return LOG_CODES.has(code)
}

function isOwn(code: GossipCode): code is OwnCode {
  return Object.hasOwn(OUTCOMES, code)
}
