/** The Crypto port on node:crypto: OpenSSL's SHA-256 and Ed25519. */
import { createHash, createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import type { Crypto, Hasher } from '../../protocol/crypto.ts'
import { KnownAnswers } from './known-answers.ts'

const ONE_SHOT_MAX_BYTES = 64 * 1024
const MAX_CACHED_KEYS = 1024

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 key bytes follow. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

const keys = new Map<string, KeyObject>()

function importKey(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('latin1')
  const cached = keys.get(name)
  if (cached !== undefined) return cached
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, publicKey]),
    format: 'der',
    type: 'spki',
  })
  if (keys.size >= MAX_CACHED_KEYS) keys.clear()
  keys.set(name, key)
  return key
}

function createSha256(): Hasher {
  const hasher = createHash('sha256')
  return {
    update: (data) => void hasher.update(data),
    digest: () => hasher.digest(),
    digestString: () => hasher.digest('binary'),
  }
}

/** What `verifier.ts` has had worked out ahead. */
export const knownAnswers = new KnownAnswers()

export const nodeCrypto: Crypto = {
  sha256: (data) =>
    data.length <= ONE_SHOT_MAX_BYTES
      ? hash('sha256', data, 'buffer')
      : createHash('sha256').update(data).digest(),
  sha256String: (data) =>
    data.length <= ONE_SHOT_MAX_BYTES
      ? hash('sha256', data, 'binary')
      : createHash('sha256').update(data).digest('binary'),
  createSha256,
  sha512: (data) => hash('sha512', data, 'buffer'),
  verifyEd25519: (publicKey, message, signature) =>
    verify(null, message, importKey(publicKey), signature),
  knownAnswer: (publicKey, message, signature) => knownAnswers.take(publicKey, message, signature),
}
