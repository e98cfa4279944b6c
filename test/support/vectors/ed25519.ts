/**
 * Makes test/vectors/ed25519/strict.json: signatures of each class about which implementations
 * differ, with the answer of the strict profile.
 *
 *   node test/support/vectors/ed25519.ts > test/vectors/ed25519/strict.json
 */
import { createHash } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { SignatureAnswer } from '../../../protocol/ed25519.ts'

export interface SignatureVector {
  /** Names the class and the case. */
  readonly name: string
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly answer: SignatureAnswer
  /** What the two equations say when nothing else is checked, where that is worth knowing. */
  readonly note?: string
}

const { Point } = ed25519
const L = Point.Fn.ORDER
const P = Point.Fp.ORDER
type CurvePoint = typeof Point.BASE

const hash = (...parts: Uint8Array[]): Uint8Array =>
  createHash('sha512').update(Buffer.concat(parts)).digest()
const scalar = (name: string): bigint => littleEndian(hash(Buffer.from(name))) % L
const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint =>
  littleEndian(hash(r, key, message)) % L
const times = (point: CurvePoint, factor: bigint): CurvePoint => point.multiplyUnsafe(factor % L)

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function encode(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
}

/** A point of order 8; its multiples are all eight points of small order. */
const TORSION = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
const smallOrder = Array.from({ length: 8 }, (_, i) => times(TORSION, BigInt(i)))

const a = scalar('rebuildnet vector key')
const honest = times(Point.BASE, a)
const key = honest.toBytes()
const message = Buffer.from('rebuildnet')

const vectors: SignatureVector[] = []

function add(
  name: string,
  parts: { key?: Uint8Array; message?: Uint8Array; r: Uint8Array; s: Uint8Array },
  answer: SignatureAnswer,
  note?: string,
): void {
  vectors.push({
    name,
    key: Buffer.from(parts.key ?? key).toString('hex'),
    message: Buffer.from(parts.message ?? message).toString('hex'),
    signature: Buffer.concat([parts.r, parts.s]).toString('hex'),
    answer,
    ...(note === undefined ? {} : { note }),
  })
}

/** S for which S·B = R' + k·a·B, where R' = r·B and `r` is written as given. */
function respond(
  rBytes: Uint8Array,
  r: bigint,
  of: { key?: Uint8Array; message?: Uint8Array } = {},
) {
  const k = challenge(rBytes, of.key ?? key, of.message ?? message)
  return { k, s: (r + k * a) % L }
}

/** The first of many messages that satisfies `fits`. */
function findMessage(fits: (message: Uint8Array) => boolean): Uint8Array {
  for (let i = 0; i < 10_000; i++) {
    const candidate = Buffer.from(`rebuildnet ${i}`)
    if (fits(candidate)) return candidate
  }
  throw new Error('no message fits')
}

const r = scalar('rebuildnet vector nonce')
const R = times(Point.BASE, r).toBytes()
const { s } = respond(R, r)

add('valid', { r: R, s: encode(s) }, 'ok')
for (const length of [0, 1, 100]) {
  const bytes = Buffer.alloc(length, 0x5a)
  add(
    `valid: message of ${length} bytes`,
    { message: bytes, r: R, s: encode(respond(R, r, { message: bytes }).s) },
    'ok',
  )
}
add('altered: message', { message: Buffer.from('rebuildnot'), r: R, s: encode(s) }, 'bad-signature')
add('altered: S', { r: R, s: encode((s + 1n) % L) }, 'bad-signature')
const R2 = times(Point.BASE, r + 1n).toBytes()
add('altered: R', { r: R2, s: encode(s) }, 'bad-signature')
const otherKey = times(Point.BASE, a + 1n).toBytes()
add('altered: key', { key: otherKey, r: R, s: encode(s) }, 'bad-signature')

add('S not below L: S + L', { r: R, s: encode(s + L) }, 'bad-signature', 'both equations hold')
add('S not below L: S = L', { r: R, s: encode(L) }, 'bad-signature')
add('S not below L: all bits', { r: R, s: new Uint8Array(32).fill(0xff) }, 'bad-signature')

// A key of small order signs every message whose challenge is a multiple of 8.
for (const [i, point] of smallOrder.entries()) {
  const small = point.toBytes()
  const chosen = findMessage((m) => challenge(R, small, m) % 8n === 0n)
  add(
    `key of small order: ${i}`,
    { key: small, message: chosen, r: R, s: encode(r) },
    'weak-key',
    'both equations hold',
  )
}
// y and y + p are the same field element; x = 0 has no sign.
const nonCanonical = {
  'y = p': encode(P),
  'y = p + 1': encode(P + 1n),
  'y = 1, sign of x set': encode(1n | (1n << 255n)),
  'y = -1, sign of x set': encode((P - 1n) | (1n << 255n)),
  'y = p + 3': encode(P + 3n),
  'y = 2^255 - 1': encode(P + 18n),
}
for (const [name, bytes] of Object.entries(nonCanonical)) {
  add(`key not canonical: ${name}`, { key: bytes, r: R, s: encode(s) }, 'weak-key')
}
add('key not on the curve', { key: encode(2n), r: R, s: encode(s) }, 'weak-key')
for (const i of [1, 2, 4]) {
  const mixed = honest.add(times(TORSION, BigInt(i))).toBytes()
  const chosen = findMessage((m) => challenge(R, mixed, m) % 8n === 0n)
  add(
    `key with torsion: order ${8 / i}`,
    {
      key: mixed,
      message: chosen,
      r: R,
      s: encode(respond(R, r, { key: mixed, message: chosen }).s),
    },
    'weak-key',
    'both equations hold',
  )
}

// R = 0·B in each of its spellings: hosts differ about these, and the equation may hold.
const identity = {
  identity: Point.ZERO.toBytes(),
  'identity, y = p + 1': nonCanonical['y = p + 1'],
  'identity, sign of x set': nonCanonical['y = 1, sign of x set'],
}
for (const [name, bytes] of Object.entries(identity)) {
  add(
    `R of small order: ${name}`,
    { r: bytes, s: encode(respond(bytes, 0n).s) },
    'bad-signature',
    'both equations hold for the point that is meant',
  )
}
for (const i of [1, 2, 4]) {
  const bytes = (smallOrder[i] ?? Point.ZERO).toBytes()
  add(
    `R of small order: order ${8 / i}`,
    { r: bytes, s: encode(respond(bytes, 0n).s) },
    'bad-signature',
    'only the cofactored equation holds',
  )
  const mixed = times(Point.BASE, r)
    .add(times(TORSION, BigInt(i)))
    .toBytes()
  add(
    `R with torsion: order ${8 / i}`,
    { r: mixed, s: encode(respond(mixed, r).s) },
    'bad-signature',
    'only the cofactored equation holds',
  )
}
add('R not canonical: y = p + 3', { r: nonCanonical['y = p + 3'], s: encode(s) }, 'bad-signature')
add('R not on the curve', { r: encode(2n), s: encode(s) }, 'bad-signature')

add('length: key of 31 bytes', { key: key.slice(1), r: R, s: encode(s) }, 'weak-key')
add(
  'length: key of 33 bytes',
  { key: Buffer.concat([key, key.slice(31)]), r: R, s: encode(s) },
  'weak-key',
)
add('length: signature of 63 bytes', { r: R, s: encode(s).slice(0, 31) }, 'bad-signature')
add(
  'length: signature of 65 bytes',
  { r: R, s: Buffer.concat([encode(s), encode(0n).slice(31)]) },
  'bad-signature',
)
add('length: empty signature', { r: new Uint8Array(), s: new Uint8Array() }, 'bad-signature')

export const strictVectors: readonly SignatureVector[] = vectors

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify({ vectors }, null, 1)}\n`)
}
