/**
 * Growing bytes that records are appended to and read from by their offset: numbers are
 * little-endian, strings are byte strings with their length before them.
 */
import type { ByteString } from './byte-string.ts'

/** Where the bytes lie, so that a host may share them between threads. */
export interface ByteStore {
  readonly buffer: ArrayBufferLike
  /**
   * Makes room for at least `bytes`; what is there stays, in this buffer or in another one. Readers
   * of the old one go on reading what was there.
   */
  grow(bytes: number): void
}

/** Bytes of this thread alone. */
export class PlainByteStore implements ByteStore {
  buffer: ArrayBuffer = new ArrayBuffer(INITIAL_BYTES)

  grow(bytes: number): void {
    const grown = new Uint8Array(Math.max(bytes, this.buffer.byteLength * 2))
    grown.set(new Uint8Array(this.buffer))
    this.buffer = grown.buffer
  }
}

const INITIAL_BYTES = 4096

export class TreeBytes {
  readonly #store: ByteStore
  #bytes: Uint8Array
  #view: DataView
  /** Offset 0 holds no record, so it stands for none. */
  #length = 1

  constructor(store: ByteStore) {
    this.#store = store
    this.#bytes = new Uint8Array(store.buffer, 0, store.buffer.byteLength)
    this.#view = new DataView(store.buffer, 0, store.buffer.byteLength)
  }

  get length(): number {
    return this.#length
  }

  get buffer(): ArrayBufferLike {
    return this.#store.buffer
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  raw(text: ByteString): void {
    this.#reserve(text.length)
    const bytes = this.#bytes
    for (let i = 0, at = this.#length; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.#length += text.length
  }

  string(text: ByteString): void {
    this.u32(text.length)
    this.raw(text)
  }

  u8At(at: number): number {
    return this.#bytes[at] as number
  }

  /** As a view: valid until something is appended. */
  rawAt(at: number, length: number): Uint8Array {
    return this.#bytes.subarray(at, at + length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    this.#store.grow(needed)
    const { buffer } = this.#store
    this.#bytes = new Uint8Array(buffer, 0, buffer.byteLength)
    this.#view = new DataView(buffer, 0, buffer.byteLength)
  }
}
