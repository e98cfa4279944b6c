/**
 * Growing bytes that records are appended to and read from by their offset, in blocks: numbers are
 * little-endian.
 *
 * Where full blocks lie is a matter of the host (BlockStore): a tree at the limits is larger than
 * the memory that it may take, and another thread may go on where one has ended.
 */
import { type ByteString, toByteString } from './byte-string.ts'

const SHIFT = 12
export const BLOCK_BYTES = 1 << SHIFT
const MASK = BLOCK_BYTES - 1

/** Blocks of BLOCK_BYTES, by number from 0. */
export interface BlockSource {
  /** As a view: valid until another one is asked for. */
  block(index: number): Uint8Array
}

export interface BlockStore extends BlockSource {
  /** Takes a copy as the next block. */
  append(block: Uint8Array): void
  /** Writes over a part of a block that is there. */
  patch(index: number, at: number, bytes: Uint8Array): void
}

/** Blocks in memory of this thread. */
export class MemoryBlocks implements BlockStore {
  readonly #blocks: Uint8Array[] = []

  append(block: Uint8Array): void {
    this.#blocks.push(block.slice())
  }

  block(index: number): Uint8Array {
    return this.#blocks[index] as Uint8Array
  }

  patch(index: number, at: number, bytes: Uint8Array): void {
    this.block(index).set(bytes, at)
  }
}

/** Appends; what was appended can be read from it. */
export class TreeBytes implements BlockSource {
  readonly #store: BlockStore
  /** The block that is being filled, which the store does not have yet. */
  readonly #last = new Uint8Array(BLOCK_BYTES)
  readonly #view = new DataView(this.#last.buffer)
  readonly #number = new DataView(new ArrayBuffer(8))
  /** Offset 0 holds no record, so it stands for none. */
  #used = 1
  #full = 0
  #isWhole = false

  constructor(store: BlockStore) {
    this.#store = store
  }

  /** The offset of what is appended next. */
  get length(): number {
    return this.#full * BLOCK_BYTES + this.#used
  }

  block(index: number): Uint8Array {
    return index === this.#full ? this.#last : this.#store.block(index)
  }

  u8(value: number): void {
    if (this.#used === BLOCK_BYTES) this.#turn()
    this.#last[this.#used++] = value
  }

  u16(value: number): void {
    this.u8(value)
    this.u8(value >>> 8)
  }

  u32(value: number): void {
    if (this.#used + 4 > BLOCK_BYTES) {
      this.u16(value)
      this.u16(value >>> 16)
      return
    }
    this.#view.setUint32(this.#used, value, true)
    this.#used += 4
  }

  f64(value: number): void {
    this.#number.setFloat64(0, value, true)
    for (let i = 0; i < 8; i++) this.u8(this.#number.getUint8(i))
  }

  raw(text: ByteString): void {
    for (let i = 0; i < text.length;) {
      if (this.#used === BLOCK_BYTES) this.#turn()
      const end = Math.min(text.length, i + BLOCK_BYTES - this.#used)
      const last = this.#last
      let at = this.#used
      while (i < end) last[at++] = text.charCodeAt(i++)
      this.#used = at
    }
  }

  /** Writes over what was appended. */
  patch(at: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length;) {
      const index = (at + i) >>> SHIFT
      const start = (at + i) & MASK
      const part = bytes.subarray(i, i + BLOCK_BYTES - start)
      if (index === this.#full) this.#last.set(part, start)
      else this.#store.patch(index, start, part)
      i += part.length
    }
  }

  /** Nothing more is appended; the store has all of it then. */
  finish(): BlockSource {
    if (!this.#isWhole) this.#store.append(this.#last)
    this.#isWhole = true
    return this.#store
  }

  #turn(): void {
    this.#store.append(this.#last)
    this.#full++
    this.#used = 0
  }
}

/** Reads by offset what was appended. */
export class BytesReader {
  readonly #source: BlockSource
  readonly #number = new DataView(new ArrayBuffer(8))

  constructor(source: BlockSource) {
    this.#source = source
  }

  u8(at: number): number {
    return this.#source.block(at >>> SHIFT)[at & MASK] as number
  }

  u16(at: number): number {
    return this.u8(at) | (this.u8(at + 1) << 8)
  }

  u32(at: number): number {
    const start = at & MASK
    if (start + 4 > BLOCK_BYTES) return (this.u16(at) | (this.u16(at + 2) << 16)) >>> 0
    const block = this.#source.block(at >>> SHIFT)
    const low = (block[start] as number) | ((block[start + 1] as number) << 8)
    const high = (block[start + 2] as number) | ((block[start + 3] as number) << 8)
    return (low | (high << 16)) >>> 0
  }

  f64(at: number): number {
    for (let i = 0; i < 8; i++) this.#number.setUint8(i, this.u8(at + i))
    return this.#number.getFloat64(0, true)
  }

  raw(at: number, length: number): ByteString {
    let text = ''
    for (let i = 0; i < length;) {
      const start = (at + i) & MASK
      const block = this.#source.block((at + i) >>> SHIFT)
      const part = block.subarray(start, Math.min(BLOCK_BYTES, start + length - i))
      text += toByteString(part)
      i += part.length
    }
    return text
  }

  /** Whether these bytes are there. */
  is(at: number, text: ByteString): boolean {
    for (let i = 0; i < text.length;) {
      const start = (at + i) & MASK
      const block = this.#source.block((at + i) >>> SHIFT)
      const end = Math.min(BLOCK_BYTES, start + text.length - i)
      for (let j = start; j < end; j++) if (block[j] !== text.charCodeAt(i++)) return false
    }
    return true
  }
}
