/**
 * Why a head, a leaf or a proof is not taken: a closed set of codes, and for each what a peer that
 * sent it deserves. `reject` is only for what is wrong on every node for ever; what a later version
 * may make right is `ignore`. protocol/log/README.md.
 */
import type { Disposition } from '../statement-error.ts'

export type LogErrorCode =
  | 'too-large'
  // Origins
  | 'unknown-origin'
  | 'origin-malformed'
  // Heads
  | 'note-malformed'
  | 'checkpoint-malformed'
  | 'card-line'
  | 'unknown-extension'
  | 'out-of-range'
  | 'unsigned'
  | 'signature-count'
  | 'weak-key'
  | 'bad-signature'
  // Leaves
  | 'leaf-malformed'
  | 'unknown-leaf'
  | 'seal-misplaced'
  // Proofs
  | 'unknown-proof'
  | 'proof-malformed'
  | 'proof-origins'
  | 'proof-hashes'
  | 'no-contradiction'

const DISPOSITIONS: Readonly<Record<LogErrorCode, Disposition>> = {
  'too-large': 'reject',
  // Logs of another system, or of a later rebuildnet.
  'unknown-origin': 'ignore',
  'origin-malformed': 'reject',
  'note-malformed': 'reject',
  'checkpoint-malformed': 'reject',
  'card-line': 'reject',
  'unknown-extension': 'ignore',
  'out-of-range': 'reject',
  unsigned: 'reject',
  'signature-count': 'reject',
  'weak-key': 'reject',
  'bad-signature': 'reject',
  'leaf-malformed': 'reject',
  'unknown-leaf': 'ignore',
  'seal-misplaced': 'reject',
  'unknown-proof': 'ignore',
  'proof-malformed': 'reject',
  'proof-origins': 'reject',
  'proof-hashes': 'reject',
  'no-contradiction': 'reject',
}

export const LOG_ERROR_CODES = Object.keys(DISPOSITIONS) as readonly LogErrorCode[]

export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: LogErrorCode

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }

  /** What the sender deserves. */
  get disposition(): Disposition {
    return DISPOSITIONS[this.code]
  }
}
