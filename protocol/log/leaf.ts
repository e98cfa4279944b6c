/**
 * What stands in a log:
 *
 *   statement leaf   0x01 | sid (32) | tag (16)
 *   seal leaf        0x02 | size (u64) | root (32), of the log before: leaf 0 of every log but the first
 *
 * Leaves are hashed as they are (RFC 6962, section 2.1). Where many are kept or sent they stand in
 * slots of 49 bytes, a seal filled up with zeros.
 */
import { parseHex, toHex, utf8, concat } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { ImageName, Sid } from '../identifiers.ts'
import type { StatementBody } from '../statement.ts'
import { LogError } from './log-error.ts'

/** Hex of 16 bytes: which project a statement is about, so that a reader finds those of one project. */
export type ProjectTag = string

export const LEAF_SLOT_BYTES = 49
const SEAL_BYTES = 41
const STATEMENT = 1
const SEAL = 2
const TAG_BYTES = 16
const TAG_DOMAIN = utf8('rebuildnet/project/1\0')

/** The tag of operator cards, which belong to no project. */
export const CARD_TAG: ProjectTag = '00'.repeat(TAG_BYTES)
/** A log holds at most this many leaves. */
export const MAX_LOG_SIZE = 65_536

interface StatementLeaf {
  readonly kind: 'statement'
  readonly sid: Sid
  readonly tag: ProjectTag
}

export interface SealLeaf {
  readonly kind: 'seal'
  /** Size and root (hex) of the log that is closed. */
  readonly size: number
  readonly root: string
}

export type Leaf = StatementLeaf | SealLeaf

export function projectTag(image: ImageName, crypto: Crypto): ProjectTag {
  return toHex(crypto.sha256(concat(TAG_DOMAIN, utf8(image))).subarray(0, TAG_BYTES))
}

/** The tag that a statement's leaf must carry. */
export function tagOf(body: StatementBody, crypto: Crypto): ProjectTag {
  return body.kind === 'operator' ? CARD_TAG : projectTag(body.image, crypto)
}

/** The bytes that are hashed: 49 of a statement, 41 of a seal. */
function encodeLeaf(leaf: Leaf): Uint8Array<ArrayBuffer> {
  if (leaf.kind === 'statement') {
    return concat(Uint8Array.of(STATEMENT), fromHex(leaf.sid, 32), fromHex(leaf.tag, TAG_BYTES))
  }
  const out = new Uint8Array(SEAL_BYTES)
  out[0] = SEAL
  // At most 2^16, so the upper half of the u64 is zero.
  new DataView(out.buffer).setUint32(5, leaf.size)
  out.set(fromHex(leaf.root, 32), 9)
  return out
}

/** The leaf in a slot of 49 bytes. */
export function packLeaf(leaf: Leaf): Uint8Array<ArrayBuffer> {
  const slot = new Uint8Array(LEAF_SLOT_BYTES)
  slot.set(encodeLeaf(leaf))
  return slot
}

/** What is hashed of a slot. */
export function leafBytes(slot: Uint8Array): Uint8Array {
  return slot[0] === SEAL ? slot.subarray(0, SEAL_BYTES) : slot
}

/** Reads a slot of 49 bytes; throws LogError. */
export function parseLeaf(slot: Uint8Array): Leaf {
  checkLeaf(slot)
  if (slot[0] === STATEMENT) {
    return { kind: 'statement', sid: toHex(slot.subarray(1, 33)), tag: toHex(slot.subarray(33)) }
  }
  return { kind: 'seal', size: sealSize(slot), root: toHex(slot.subarray(9, SEAL_BYTES)) }
}

/**
 * Throws LogError where a slot cannot be leaf `index` of log number `n`: leaf 0 of every log but the
 * first seals the one before, and no other leaf does.
 */
export function checkLeafAt(slot: Uint8Array, n: number, index: number): void {
  checkLeaf(slot)
  const isSeal = slot[0] === SEAL
  if (isSeal === (n > 0 && index === 0)) return
  throw new LogError(
    'seal-misplaced',
    isSeal
      ? `leaf ${index} of log ${n} is a seal, and only leaf 0 of a later log may be one`
      : `log ${n} does not begin with a seal of the log before`,
  )
}

function checkLeaf(slot: Uint8Array): void {
  if (slot.length !== LEAF_SLOT_BYTES) {
    throw new LogError('leaf-malformed', `a leaf has ${slot.length} bytes, not ${LEAF_SLOT_BYTES}`)
  }
  if (slot[0] === STATEMENT) return
  if (slot[0] !== SEAL) {
    throw new LogError(
      'unknown-leaf',
      `a leaf of kind ${slot[0] ?? 0}, which this rebuildnet does not know`,
    )
  }
  if (sealSize(slot) > MAX_LOG_SIZE || slot.subarray(SEAL_BYTES).some((byte) => byte !== 0)) {
    throw new LogError(
      'leaf-malformed',
      'a seal of more leaves than a log holds, or with bytes behind it',
    )
  }
}

function sealSize(slot: Uint8Array): number {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.length)
  return view.getUint32(1) * 2 ** 32 + view.getUint32(5)
}

/** Reads leaf `index` of log number `n`; throws LogError, also where it stands in the wrong place. */
export function parseLeafAt(slot: Uint8Array, n: number, index: number): Leaf {
  checkLeafAt(slot, n, index)
  return parseLeaf(slot)
}

function fromHex(text: string, length: number): Uint8Array {
  const bytes = parseHex(text)
  if (bytes?.length !== length) throw new Error(`not ${length} bytes of hex: ${text}`)
  return bytes
}
