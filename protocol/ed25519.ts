/**
 * Ed25519 under one strict profile, so that every host gives the same answer.
 *
 * Implementations differ about small-order and non-canonical points; a throwaway key could split a
 * network whose peers punish each other for invalid messages. What they differ about is refused
 * before they are asked: the key is canonical, on the curve, not of small order and torsion-free;
 * R is canonical and not of small order; S < L; then the cofactorless equation of RFC 8032,
 * section 5.1.7, which alone comes from the host. protocol/README.md.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { compareBytes, parseHex, toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'

export type SignatureAnswer = 'ok' | 'weak-key' | 'bad-signature'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const MAX_CACHED_KEYS = 4096

/** p = 2^255 - 19, and the group order L, both big-endian. */
const P = bigEndian('7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed')
const L = bigEndian('1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed')

/** The y coordinates, little-endian, of the eight points of small order; x only differs in sign. */
const SMALL_ORDER_Y = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/** Keys whose points have been checked, per host: the check costs more than the equation. */
const checked = new WeakMap<Crypto, Map<string, boolean>>()

/** Whether `publicKey` is one that the profile admits. */
export function isStrictKey(publicKey: Uint8Array, crypto: Crypto): boolean {
  if (publicKey.length !== KEY_BYTES || !isStrictEncoding(publicKey)) return false
  let answers = checked.get(crypto)
  if (answers === undefined) checked.set(crypto, (answers = new Map<string, boolean>()))
  const name = toHex(publicKey)
  const known = answers.get(name)
  if (known !== undefined) return known
  const answer = isPrimeOrderPoint(publicKey)
  // Strangers choose the keys that they send: the cache is emptied rather than let grow.
  if (answers.size >= MAX_CACHED_KEYS) answers.clear()
  answers.set(name, answer)
  return answer
}

/** Checks `signature` over `message`; inputs of a wrong length are answered like any other bad ones. */
export function verifyStrict(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  crypto: Crypto,
): SignatureAnswer {
  const known = crypto.knownAnswer?.(publicKey, message, signature)
  if (known !== undefined) return known
  // The cheap checks come first, so that noise does not buy point arithmetic.
  if (publicKey.length !== KEY_BYTES || !isStrictEncoding(publicKey)) return 'weak-key'
  if (signature.length !== SIGNATURE_BYTES) return 'bad-signature'
  if (!isStrictEncoding(signature.subarray(0, 32))) return 'bad-signature'
  const s = littleEndian(signature.subarray(32))
  if (compareBytes(s, L) >= 0) return 'bad-signature'
  if (!isStrictKey(publicKey, crypto)) return 'weak-key'
  return crypto.verifyEd25519(publicKey, message, signature) ? 'ok' : 'bad-signature'
}

/** Whether 32 bytes encode a y below p that is not of small order; the curve is not consulted. */
function isStrictEncoding(point: Uint8Array): boolean {
  const y = new Uint8Array(point)
  y[31] = (y[31] ?? 0) & 0x7f
  if (SMALL_ORDER_Y.has(toHex(y))) return false
  return compareBytes(littleEndian(y), P) < 0
}

/** A number that is written little-endian, big-endian; a copy, since a Buffer's slice is a view. */
function littleEndian(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes).reverse()
}

function isPrimeOrderPoint(publicKey: Uint8Array): boolean {
  try {
    return ed25519.Point.fromBytes(publicKey, false).isTorsionFree()
  } catch {
    return false
  }
}

function bigEndian(hex: string): Uint8Array {
  const bytes = parseHex(hex)
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  return bytes
}
