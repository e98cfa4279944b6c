/**
 * The one binary form of a signed statement, on the wire and in the store:
 *
 *   version (1 byte = 1) | public key (32) | signature (64) | payload
 *
 * Nothing in it can be written in two ways, so its hash is a name. protocol/README.md.
 */
import { concat } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { StatementError } from './statement-error.ts'

export const MAX_STATEMENT_BYTES = 32 * 1024
const ENVELOPE_HEADER_BYTES = 1 + 32 + 64
const VERSION = 1

export interface Envelope {
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  readonly payload: Uint8Array
}

/** Takes `bytes` apart without copying; nothing is verified. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  checkSize(bytes.length)
  if (bytes.length === 0) throw new StatementError('truncated', '', 'the statement is empty')
  if (bytes[0] !== VERSION) {
    throw new StatementError(
      'unknown-version',
      '',
      `the statement has version ${bytes[0] ?? 0}, this rebuildnet reads ${VERSION}`,
    )
  }
  if (bytes.length <= ENVELOPE_HEADER_BYTES) {
    throw new StatementError('truncated', '', `the statement ends after ${bytes.length} bytes`)
  }
  return {
    publicKey: bytes.subarray(1, 33),
    signature: bytes.subarray(33, ENVELOPE_HEADER_BYTES),
    payload: bytes.subarray(ENVELOPE_HEADER_BYTES),
  }
}

export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  checkSize(ENVELOPE_HEADER_BYTES + envelope.payload.length)
  return concat(Uint8Array.of(VERSION), envelope.publicKey, envelope.signature, envelope.payload)
}

/**
 * Gossip message id: the hash of every byte, signature included. A peer could otherwise send the
 * payload under a broken signature first, and the true one would be dropped as a duplicate.
 */
export function messageId(bytes: Uint8Array, crypto: Crypto): Uint8Array {
  return crypto.sha256(bytes)
}

function checkSize(length: number): void {
  if (length > MAX_STATEMENT_BYTES) {
    throw new StatementError(
      'too-large',
      '',
      `the statement has ${length} bytes, at most ${MAX_STATEMENT_BYTES} are allowed`,
    )
  }
}
