/** The Crypto port without a host, on @noble: for browsers, and as a second opinion in tests. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { concat, equalBytes } from './bytes.ts'
import type { Crypto, Hasher } from './crypto.ts'

const { Point } = ed25519

function createSha256(): Hasher {
  const hasher = sha256.create()
  return {
    update: (data) => void hasher.update(data),
    digest: () => hasher.digest(),
  }
}

/**
 * S·B - k·A, encoded, must be R byte for byte. @noble's own `verify` checks the cofactored
 * equation, which accepts more, so the cofactorless one is written out here.
 */
function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  try {
    const a = Point.fromBytes(publicKey, false)
    const k = littleEndian(sha512(concat(r, publicKey, message))) % Point.Fn.ORDER
    // Throws where S is not below L.
    const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k))
    return equalBytes(expected.toBytes(), r)
  } catch {
    return false
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

export const portableCrypto: Crypto = {
  sha256: (data) => sha256(data),
  createSha256,
  sha512: (data) => sha512(data),
  verifyEd25519,
}
