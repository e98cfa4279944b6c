/** A growing buffer for the big-endian, length-prefixed encodings that are hashed. */
import type { ByteString } from './byte-string.ts'

const INITIAL_BYTES = 1024
const FULL_BYTES = 64 * 1024

export class ByteWriter {
  #buffer = new Uint8Array(INITIAL_BYTES)
  #length = 0
  #onFull: ((bytes: Uint8Array) => void) | undefined

  /** What has been written, as a view: valid until the next write. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** `onFull` takes what has been written where it gets long; it is gone from here then. */
  reset(onFull?: (bytes: Uint8Array) => void): this {
    this.#length = 0
    this.#onFull = onFull
    return this
  }

  u8(value: number): this {
    this.#reserve(1)
    this.#buffer[this.#length++] = value
    return this
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value)
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value)
  }

  /** A safe integer, not negative. */
  u64(value: number): this {
    return this.u32(Math.floor(value / 2 ** 32)).u32(value >>> 0)
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  rawString(bytes: ByteString): this {
    this.#reserve(bytes.length)
    for (let i = 0; i < bytes.length; i++) this.#buffer[this.#length++] = bytes.charCodeAt(i)
    return this
  }

  lp16(bytes: ByteString): this {
    return this.u16(bytes.length).rawString(bytes)
  }

  lp32(bytes: ByteString): this {
    return this.u32(bytes.length).rawString(bytes)
  }

  #reserve(count: number): void {
    if (this.#length >= FULL_BYTES && this.#onFull !== undefined) {
      this.#onFull(this.bytes)
      this.#length = 0
    }
    const needed = this.#length + count
    if (needed <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2))
    grown.set(this.bytes)
    this.#buffer = grown
  }
}
