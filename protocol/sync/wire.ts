/**
 * Reading and writing the parts that frames are made of. Integers are big-endian.
 *
 *   origin   operator id (55, ASCII) | key (32) | n u16
 *
 * Everything has one form; a reader that meets another throws SyncError `malformed`.
 */
import { concat, decodeUtf8, parseHex, toHex, utf8 } from '../bytes.ts'
import { isOperatorId, type KeyHex, type OperatorId, type Sid } from '../identifiers.ts'
import { makeOrigin, type Origin } from '../log/origin.ts'
import { MAX_ENTRIES_PER_FRAME, MAX_FRAME_BYTES } from './limits.ts'
import { malformed } from './sync-error.ts'

const OPERATOR_BYTES = 55
const TAG_BYTES = 16
const HASH_BYTES = 32
const KEY_BYTES = 32
export const ORIGIN_BYTES = OPERATOR_BYTES + KEY_BYTES + 2

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

export function u32(value: number): Uint8Array {
  return concat(u16(value >>> 16), u16(value & 0xffff))
}

/** Up to 2^53 - 1, in 8 bytes. */
export function u64(value: number): Uint8Array {
  return concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32))
}

/** Bytes of hex of a known length; anything else is an error of this node. */
export function hexBytes(hex: string): Uint8Array {
  const bytes = parseHex(hex)
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  return bytes
}

export function encodeOrigin({ operator, key, n }: Origin): Uint8Array {
  return concat(utf8(operator), hexBytes(key), u16(n))
}

/** Sizes before names, names ascending and each once: a set has one form. */
export function encodeSet(parts: readonly Uint8Array[]): Uint8Array[] {
  return [u16(parts.length), ...parts]
}

/** Things with their length before them. */
export function encodeList(parts: readonly Uint8Array[]): Uint8Array[] {
  return [u16(parts.length), ...parts.flatMap((part) => [u16(part.length), part])]
}

/** Reads one frame from front to end; whatever does not fit is malformed. */
export class FrameReader {
  readonly #frame: Uint8Array
  #at = 0

  constructor(frame: Uint8Array) {
    if (frame.length > MAX_FRAME_BYTES) throw malformed(`a frame of ${frame.length} bytes`)
    this.#frame = frame
  }

  /** A view of the frame. */
  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#frame.length) throw malformed('a frame that ends too early')
    const bytes = this.#frame.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0
  }

  u16(): number {
    return this.byte() * 256 + this.byte()
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16()
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32()
    if (!Number.isSafeInteger(value)) throw malformed(`an integer of ${value}`)
    return value
  }

  hash(): string {
    return toHex(this.bytes(HASH_BYTES))
  }

  sid(): Sid {
    return this.hash()
  }

  key(): KeyHex {
    return toHex(this.bytes(KEY_BYTES))
  }

  tag(): string {
    return toHex(this.bytes(TAG_BYTES))
  }

  operator(): OperatorId {
    const operator = decodeUtf8(this.bytes(OPERATOR_BYTES))
    if (operator === undefined || !isOperatorId(operator)) throw malformed('no operator id')
    return operator
  }

  origin(): Origin {
    return makeOrigin(this.operator(), this.key(), this.u16())
  }

  /** As many things as a count says, at most `max`. */
  list<T>(read: () => T, max = MAX_ENTRIES_PER_FRAME): T[] {
    const count = this.u16()
    if (count > max) throw malformed(`${count} entries in one list`)
    return Array.from({ length: count }, read)
  }

  /** As above, and each name greater than the one before. */
  set<T>(read: () => T, compare: (a: T, b: T) => number, max?: number): T[] {
    const names = this.list(read, max)
    checkAscending(names, compare)
    return names
  }

  /** Bytes with their length before them. */
  sized(max: number): Uint8Array {
    const length = this.u16()
    if (length === 0 || length > max) throw malformed(`an entry of ${length} bytes`)
    return this.bytes(length)
  }

  end(): void {
    if (this.#at !== this.#frame.length) throw malformed('a frame with bytes after its end')
  }
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The order of the bytes of origins: those of one key by their numbers. */
export function compareOrigins(a: Origin, b: Origin): number {
  return compareText(a.operator, b.operator) || compareText(a.key, b.key) || a.n - b.n
}

/** Throws SyncError `malformed` where a list does not ascend strictly. */
export function checkAscending<T>(list: readonly T[], compare: (a: T, b: T) => number): void {
  list.forEach((each, i) => {
    if (i > 0 && compare(list[i - 1] as T, each) >= 0)
      throw malformed('a list that does not ascend')
  })
}
