/** Seeded changes to valid inputs, small enough that a parser gets far before it meets them. */
import { concat, utf8 } from '../../protocol/bytes.ts'
import type { SeededRandom } from './seeded-random.ts'
import { BLOCK, seal } from './tar-writer.ts'

const TELLING_BYTES = [0, 1, 0x0a, 0x20, 0x2e, 0x2f, 0x30, 0x37, 0x3d, 0x7f, 0x80, 0xff]
const MAX_CHANGES = 4
const MAX_GROWTH_BYTES = 2048

type Mutation = (bytes: Uint8Array, random: SeededRandom) => Uint8Array

function range(bytes: Uint8Array, random: SeededRandom): readonly [from: number, to: number] {
  const from = random.integer(bytes.length + 1)
  const longest = Math.min(bytes.length - from, random.chance(0.5) ? 8 : MAX_GROWTH_BYTES)
  return [from, from + random.integer(longest + 1)]
}

function withByte(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const out = bytes.slice()
  if (at < out.length) out[at] = change(out[at] as number)
  return out
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) =>
    withByte(bytes, random.integer(bytes.length), (byte) => byte ^ (1 << random.integer(8))),
  (bytes, random) => withByte(bytes, random.integer(bytes.length), () => random.integer(256)),
  (bytes, random) =>
    withByte(bytes, random.integer(bytes.length), () => random.pick(TELLING_BYTES)),
  (bytes, random) =>
    withByte(bytes, random.integer(bytes.length), (byte) => byte + (random.chance(0.5) ? 1 : 255)),
  (bytes, random) => bytes.slice(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return concat(bytes.subarray(0, from), bytes.subarray(to))
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    const at = random.integer(bytes.length + 1)
    return concat(bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at))
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return bytes.slice().fill(random.pick(TELLING_BYTES), from, to)
  },
]

/** One to four changes at any byte. */
export function mutateBytes(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let out = bytes
  const changes = 1 + random.integer(MAX_CHANGES)
  for (let i = 0; i < changes; i++) out = random.pick(MUTATIONS)(out, random)
  return out
}

/** Changes of whole blocks and of bytes, mostly with checksums that are right again. */
export function mutateTar(
  tar: Uint8Array,
  others: readonly Uint8Array[],
  random: SeededRandom,
): Uint8Array {
  const blocks = random.chance(0.4) ? mutateBlocks(tar, random.pick(others), random) : tar.slice()
  const out = random.chance(0.2) ? mutateBytes(blocks, random) : mutateHeaders(blocks, random)
  if (random.chance(0.85)) fixChecksums(out)
  return out
}

function mutateBlocks(tar: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.integer(tar.length / BLOCK + 1) * BLOCK
  const from = random.integer(other.length / BLOCK + 1) * BLOCK
  const to = from + random.integer(5) * BLOCK
  const skip = random.integer(3) * BLOCK
  return concat(tar.subarray(0, at), other.subarray(from, to), tar.subarray(at + skip))
}

/** Where a header has its fields: a change elsewhere is mostly one of zeros. */
const FIELDS = [0, 100, 108, 116, 124, 136, 148, 156, 157, 257, 263, 265, 297, 329, 337, 345, 500]

function mutateHeaders(tar: Uint8Array, random: SeededRandom): Uint8Array {
  const changes = random.integer(MAX_CHANGES)
  for (let i = 0; i < changes && tar.length > 0; i++) {
    const block = random.integer(Math.ceil(tar.length / BLOCK)) * BLOCK
    const at = Math.min(block + random.pick(FIELDS) + random.integer(12), tar.length - 1)
    tar[at] = random.chance(0.5) ? random.pick(TELLING_BYTES) : random.integer(256)
    if (random.chance(0.1)) tar.set(utf8('77777777777').subarray(0, tar.length - at), at)
    if (random.chance(0.1)) writeSize(tar.subarray(block), 2 ** random.integer(36))
    if (random.chance(0.2)) tar[Math.min(block + 156, tar.length - 1)] = random.pick(TYPES)
  }
  return tar
}

/** Sizes of every magnitude, in the field of a header. */
function writeSize(header: Uint8Array, size: number): void {
  const digits = utf8(size.toString(8).padStart(11, '0'))
  if (header.length >= BLOCK) header.set(digits.subarray(0, 11), 124)
}

const TYPES = Array.from('\x00123456xgLKS7', (letter) => letter.charCodeAt(0))

/** Writes the right checksum over each block that looks like a header, so that more is reached. */
function fixChecksums(tar: Uint8Array): void {
  for (let at = 0; at + BLOCK <= tar.length; at += BLOCK) {
    const block = tar.subarray(at, at + BLOCK)
    if (block[257] === 0x75) seal(block)
  }
}

/** Changes of bytes, and tokens in places where the format has no room for them. */
export function mutateText(
  text: Uint8Array,
  others: readonly Uint8Array[],
  tokens: readonly string[],
  random: SeededRandom,
): Uint8Array {
  let out = random.chance(0.5) ? mutateBytes(text, random) : text
  const changes = random.integer(MAX_CHANGES)
  for (let i = 0; i < changes; i++) {
    const [from, to] = range(out, random)
    const other = random.pick(others)
    const [otherFrom, otherTo] = range(other, random)
    const piece = random.chance(0.7) ? utf8(random.pick(tokens)) : other.slice(otherFrom, otherTo)
    out = concat(out.subarray(0, from), piece, out.subarray(random.chance(0.5) ? from : to))
  }
  return out
}
