/**
 * The frames of the tree protocol, and their one binary form. Integers are big-endian.
 *
 *   GET      02 | count u16 | (hash (32) | 00, or 01 and the hash (32) of one like it)…
 *   OBJECTS  81 | more u8 | a piece of the answer
 *   ERROR    ff | code u8
 *
 * The pieces of the frames of an answer, one after another, are the objects in the order in which
 * they were asked for: 00 for one that is not here, else its kind, length u32 and preimage; or 40,
 * length u32 and how a directory comes of the one like it, which the client has (patch.ts).
 * `more` is 0 in the last frame of an answer that is whole, 1 where another frame follows, and 2
 * in the last frame of an answer that was cut after some object: the client asks for the rest.
 */
import { concat } from '../../../protocol/bytes.ts'
import {
  type ByteString,
  fromByteString,
  toByteString,
} from '../../../protocol/normalize/byte-string.ts'
import { OBJECT_KINDS, type ObjectKind } from '../../../protocol/normalize/tree-object.ts'
import { NetworkError } from '../network-error.ts'
import { MAX_FRAME_BYTES } from '../exchange/limits.ts'
import { MAX_ANSWER_BYTES, MAX_HASHES_PER_REQUEST, MAX_OBJECT_BYTES } from './limits.ts'

const HASH_BYTES = 32
const GET = 0x02
const OBJECTS = 0x81
const ERROR = 0xff
const ABSENT = 0
const PATCH = 0x40

export const MORE = Object.freeze({ none: 0, inNextFrame: 1, askAgain: 2 })
type More = (typeof MORE)[keyof typeof MORE]

const ERROR_CODES = ['busy', 'bad-request', 'too-many-rounds', 'unavailable'] as const
export type TreeRefusal = (typeof ERROR_CODES)[number]

/** An object as it comes: what it hashes to is not known yet. */
export interface SentObject {
  readonly kind: ObjectKind
  readonly preimage: Uint8Array
}

/** A directory, as a patch of the one that was named with it. */
export interface SentPatch {
  readonly kind: 'patch'
  readonly patch: Uint8Array
}

export interface AskedObject {
  readonly hash: ByteString
  /** A directory that the client has. */
  readonly like?: ByteString | undefined
}

export type TreeAnswer =
  | { readonly type: 'objects'; readonly more: More; readonly piece: Uint8Array }
  | { readonly type: 'error'; readonly code: TreeRefusal }

export function encodeGet(asked: readonly AskedObject[]): Uint8Array {
  return concat(
    Uint8Array.of(GET, asked.length >> 8, asked.length & 0xff),
    ...asked.flatMap(({ hash, like }) => [
      fromByteString(hash),
      ...(like === undefined ? [Uint8Array.of(0)] : [Uint8Array.of(1), fromByteString(like)]),
    ]),
  )
}

export function parseGet(frame: Uint8Array): AskedObject[] {
  const count = (frame[1] ?? 0) * 256 + (frame[2] ?? 0)
  if (frame[0] !== GET || count === 0 || count > MAX_HASHES_PER_REQUEST) throw noRequest()
  let at = 3
  const hash = (): ByteString => {
    if (at + HASH_BYTES > frame.length) throw noRequest()
    at += HASH_BYTES
    return toByteString(frame.subarray(at - HASH_BYTES, at))
  }
  const asked = Array.from({ length: count }, () => {
    const wanted = hash()
    const flag = frame[at++] ?? 2
    if (flag > 1) throw noRequest()
    return flag === 0 ? { hash: wanted } : { hash: wanted, like: hash() }
  })
  if (at !== frame.length) throw noRequest()
  return asked
}

function noRequest(): NetworkError {
  return malformed('a request that is none')
}

export function encodeObjects(more: More, piece: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(OBJECTS, more), piece)
}

export function encodeRefusal(code: TreeRefusal): Uint8Array {
  return Uint8Array.of(ERROR, ERROR_CODES.indexOf(code))
}

export function parseTreeAnswer(frame: Uint8Array): TreeAnswer {
  if (frame.length > MAX_FRAME_BYTES) throw malformed(`a frame of ${frame.length} bytes`)
  const second = frame[1]
  if (frame[0] === ERROR && frame.length === 2) {
    const code = ERROR_CODES[second ?? -1]
    if (code !== undefined) return { type: 'error', code }
  }
  if (frame[0] !== OBJECTS || (second !== 0 && second !== 1 && second !== 2)) {
    throw malformed('an answer that is none')
  }
  return { type: 'objects', more: second, piece: frame.subarray(2) }
}

export function encodeObject(object: SentObject | SentPatch | undefined): Uint8Array {
  if (object === undefined) return Uint8Array.of(ABSENT)
  const [kind, bytes] =
    object.kind === 'patch'
      ? [PATCH, object.patch]
      : [OBJECT_KINDS.indexOf(object.kind) + 1, object.preimage]
  const head = new Uint8Array(5)
  head[0] = kind
  new DataView(head.buffer).setUint32(1, bytes.length)
  return concat(head, bytes)
}

/** Puts the pieces of one answer together again, an object at a time. */
export class ObjectParser {
  #rest = new Uint8Array()
  #bytes = 0

  /** The objects that are whole with this piece; undefined for one that the peer has not. */
  push(piece: Uint8Array): (SentObject | SentPatch | undefined)[] {
    this.#bytes += piece.length
    if (this.#bytes > MAX_ANSWER_BYTES) throw malformed('an answer of too many bytes')
    const bytes = concat(this.#rest, piece)
    const out: (SentObject | SentPatch | undefined)[] = []
    let at = 0
    while (at < bytes.length) {
      if (bytes[at] === ABSENT) {
        out.push(undefined)
        at++
        continue
      }
      const kind = bytes[at] === PATCH ? 'patch' : OBJECT_KINDS[(bytes[at] ?? 0) - 1]
      if (kind === undefined) throw malformed('an object of unknown kind')
      if (at + 5 > bytes.length) break
      const length = new DataView(bytes.buffer, at + 1, 4).getUint32(0)
      if (length > MAX_OBJECT_BYTES) throw malformed(`an object of ${length} bytes`)
      if (at + 5 + length > bytes.length) break
      const body = bytes.slice(at + 5, at + 5 + length)
      out.push(kind === 'patch' ? { kind, patch: body } : { kind, preimage: body })
      at += 5 + length
    }
    this.#rest = bytes.slice(at)
    return out
  }

  end(): void {
    if (this.#rest.length > 0) throw malformed('an answer that ends within an object')
  }
}

function malformed(what: string): NetworkError {
  return new NetworkError('sync-protocol', `trees: the peer sent ${what}`)
}
