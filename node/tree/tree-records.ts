/** Keys and values of the kept trees. */
import { crc32 } from 'node:zlib'
import { concat } from '../../protocol/bytes.ts'
import {
  type ByteString,
  fromByteString,
  toByteString,
} from '../../protocol/normalize/byte-string.ts'
import {
  OBJECT_KINDS,
  type ObjectKind,
  type TreeObject,
} from '../../protocol/normalize/tree-object.ts'

const OBJECT = 0x01 // hash -> crc32 (4) | generation (4) | kind (1) | preimage
const MEMBER = 0x02 // generation (4) | hash -> nothing
const GENERATION = 0x03 // generation (4) -> bytes (8) | last used, in milliseconds (8)
const HEAD_BYTES = 9

/** Of all generations. */
export const GENERATION_RANGE = {
  gte: Uint8Array.of(GENERATION),
  lt: Uint8Array.of(GENERATION + 1),
}

/** What was kept at once. */
export interface Generation {
  readonly bytes: number
  /** In milliseconds since 1970; 0 where it is not known. */
  readonly used: number
}

export function objectKey(hash: ByteString): Uint8Array {
  return concat(Uint8Array.of(OBJECT), fromByteString(hash))
}

export function memberKey(generation: number, hash: ByteString): Uint8Array {
  return concat(Uint8Array.of(MEMBER), u32(generation), fromByteString(hash))
}

export function memberRange(generation: number): {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
} {
  return { gte: memberKey(generation, ''), lt: memberKey(generation + 1, '') }
}

/** The object that a membership is of. */
export function memberHash(key: Uint8Array): ByteString {
  return toByteString(key.subarray(5))
}

export function generationNumber(key: Uint8Array): number {
  return readU32(key, 1)
}

export function generationKey(generation: number): Uint8Array {
  return concat(Uint8Array.of(GENERATION), u32(generation))
}

export function encodeGeneration({ bytes, used }: Generation): Uint8Array {
  const value = new Uint8Array(16)
  const view = new DataView(value.buffer)
  view.setFloat64(0, bytes)
  view.setFloat64(8, used)
  return value
}

/** One that was written before times were has none. */
export function readGeneration(value: Uint8Array): Generation {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return { bytes: view.getFloat64(0), used: value.length < 16 ? 0 : view.getFloat64(8) }
}

/** An object as it is kept; undefined where the record is damaged. */
export function readObject(
  key: Uint8Array,
  value: Uint8Array,
): { readonly kind: ObjectKind; readonly preimage: Uint8Array } | undefined {
  if (value.length < HEAD_BYTES) return undefined
  const kind = OBJECT_KINDS[(value[8] ?? 0) - 1]
  if (kind === undefined || readU32(value, 0) !== check(key, value.subarray(4))) return undefined
  return { kind, preimage: value.slice(HEAD_BYTES) }
}

/** Of a record, damaged or not: the generation that it was kept with. */
export function generationOf(value: Uint8Array): number | undefined {
  return value.length < HEAD_BYTES ? undefined : readU32(value, 4)
}

export function encodeObject(
  key: Uint8Array,
  generation: number,
  { kind, preimage }: Pick<TreeObject, 'kind' | 'preimage'>,
): Uint8Array {
  const number = OBJECT_KINDS.indexOf(kind) + 1
  return sealed(key, concat(u32(generation), Uint8Array.of(number), preimage))
}

/** The object, as one of another generation. */
export function handedOver(key: Uint8Array, value: Uint8Array, heir: number): Uint8Array {
  return sealed(key, concat(u32(heir), value.subarray(8)))
}

function sealed(key: Uint8Array, body: Uint8Array): Uint8Array {
  return concat(u32(check(key, body)), body)
}

/** Over the key too: no object stands under the hash of another. */
function check(key: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(key))
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

function readU32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
}
