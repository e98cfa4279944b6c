/**
 * From bytes that somebody sent to a statement: size, then envelope, then signature, then payload.
 * Nothing is parsed that has not been verified, and what was verified is what is parsed.
 * protocol/README.md.
 */
import { toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { preAuthEncoding } from './dsse.ts'
import { verifyStrict } from './ed25519.ts'
import { parseEnvelope } from './envelope.ts'
import { parsePayload } from './in-toto.ts'
import { sidOf } from './sid.ts'
import { StatementError } from './statement-error.ts'
import type { SignedStatement } from './statement.ts'

const sources = new WeakMap<SignedStatement, Uint8Array>()

/** Whether a statement is what `openStatement` made of this very array, which nobody may change. */
export function isOpenedFrom(statement: SignedStatement, bytes: Uint8Array): boolean {
  return sources.get(statement) === bytes
}

/** Opens the binary form of a statement; throws StatementError and nothing else. */
export function openStatement(bytes: Uint8Array, crypto: Crypto): SignedStatement {
  const envelope = parseEnvelope(bytes)
  const { publicKey, signature, payload } = envelope
  const key = toHex(publicKey)
  const answer = verifyStrict(publicKey, preAuthEncoding(payload), signature, crypto)
  if (answer === 'weak-key') {
    throw new StatementError('weak-key', '', `the key ${key} is outside the strict profile`)
  }
  if (answer === 'bad-signature') {
    throw new StatementError('bad-signature', '', `the signature does not verify under ${key}`)
  }
  const body = parsePayload(payload, key, crypto)
  const statement: SignedStatement = { sid: sidOf(envelope, crypto), key, body }
  sources.set(statement, bytes)
  return statement
}
