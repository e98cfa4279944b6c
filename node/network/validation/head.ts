/**
 * What may come on the topic `head`:
 *
 *   01 | head of a log, a signed note
 *   02 | proof that two histories of one log were signed
 */
import { openProof } from '../../../protocol/log/equivocation.ts'
import { MAX_HEAD_BYTES, openHead } from '../../../protocol/log/head.ts'
import type { HeadAnswer } from '../../../protocol/log/log-book.ts'
import { LogError } from '../../../protocol/log/log-error.ts'
import { concat } from '../../../protocol/bytes.ts'
import { MAX_PROOF_BYTES } from '../../../protocol/sync/limits.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import type { GossipCode } from './outcome.ts'

const HEAD = 0x01
const PROOF = 0x02

export function encodeHeadMessage(note: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(HEAD), note)
}

export function encodeProofMessage(proof: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(PROOF), proof)
}

export async function validateHead(
  message: GossipMessage,
  context: ValidationContext,
): Promise<GossipCode> {
  const [kind] = message.data
  const content = message.data.subarray(1)

  // [REJECT] The message is not empty; [IGNORE] it is of a kind that this node knows.
  if (kind === undefined) return 'truncated'
  if (kind !== HEAD && kind !== PROOF) return 'unknown-message'

  // [REJECT] It is within its limit.
  if (content.length > (kind === HEAD ? MAX_HEAD_BYTES : MAX_PROOF_BYTES)) return 'too-large'

  // [IGNORE] The peer has not used up what it may have verified.
  if (!context.quotas.takeVerification(message.peer)) return 'over-peer-budget'
  try {
    return await (kind === HEAD ? takeHead : takeProof)(content, message.peer, context)
  } catch (error) {
    if (error instanceof LogError) return error.code
    throw error
  }
}

const CODES: Readonly<Record<HeadAnswer['kind'], GossipCode>> = {
  'newer-time': 'stored',
  'needs-leaves': 'gap',
  // It is evidence: others are to see it too.
  equivocation: 'forked',
  known: 'duplicate',
  older: 'superseded',
  unwanted: 'unwanted-log',
  held: 'dated-ahead',
  refused: 'unreadable-log',
}

async function takeHead(
  note: Uint8Array,
  peer: string,
  { crypto, quotas, heads }: ValidationContext,
): Promise<GossipCode> {
  // [REJECT] The note is a checkpoint of ours, signed by the key of its log within the strict profile;
  // [IGNORE] its extension lines are known.
  const head = openHead(note, crypto)

  // [IGNORE] The log is one that this node keeps. Its key may be on a card that is still to come.
  const standing = heads.standing(head.origin)
  if (standing === 'needs-card') heads.needsCard(head, peer)
  if (standing !== 'wanted') return standing === 'unwanted' ? 'unwanted-log' : 'unknown-card'

  // [IGNORE] It says more than is known; [IGNORE] its owner is within its quota for the day.
  if (heads.isOld(head)) return 'duplicate'
  if (!quotas.takeHead(head.origin.key)) return 'over-key-quota'

  // [IGNORE] It is not dated more than 10 minutes ahead, and its log can be read; [IGNORE] that its
  // log is forked was not known.
  const { answer, proof } = await heads.offerHead(head, peer)
  return answer.kind === 'equivocation' && proof === undefined ? 'superseded' : CODES[answer.kind]
}

async function takeProof(
  bytes: Uint8Array,
  _peer: string,
  { crypto, heads }: ValidationContext,
): Promise<GossipCode> {
  // [REJECT] The proof proves what it says.
  const proof = openProof(bytes, crypto)

  // [IGNORE] The key is of interest here, and [IGNORE] nothing is proven of it yet.
  if (heads.standing(proof.origin) !== 'wanted') return 'unwanted-log'
  return (await heads.addProof(proof)) ? 'stored' : 'duplicate'
}
