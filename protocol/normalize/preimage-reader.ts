/** Reads one preimage from front to end; whatever does not fit is malformed. */
import { type ByteString, toByteString } from './byte-string.ts'
import { TreeObjectError } from './tree-object-error.ts'

const HASH_BYTES = 32

export class PreimageReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  raw(length: number): ByteString {
    const end = this.#at + length
    if (end > this.#bytes.length) malformed('ends too early')
    const text = toByteString(this.#bytes.subarray(this.#at, end))
    this.#at = end
    return text
  }

  u8(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) malformed('ends too early')
    this.#at++
    return value
  }

  u16(): number {
    return this.u8() * 2 ** 8 + this.u8()
  }

  u32(): number {
    return this.u16() * 2 ** 16 + this.u16()
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32()
    if (!Number.isSafeInteger(value)) malformed('has a number beyond 2^53')
    return value
  }

  hash(): ByteString {
    return this.raw(HASH_BYTES)
  }

  lp16(): ByteString {
    return this.raw(this.u16())
  }

  lp32(max: number): ByteString {
    const length = this.u32()
    if (length > max) malformed(`has a field of ${length} bytes`)
    return this.raw(length)
  }

  /** How many entries follow, each of which takes at least `bytes`. */
  count(bytes: number): number {
    const count = this.u32()
    if (count * bytes > this.#bytes.length - this.#at) malformed('has fewer entries than it says')
    return count
  }

  end(): void {
    if (this.#at !== this.#bytes.length) malformed('has bytes after its end')
  }
}

export function malformed(what: string): never {
  throw new TreeObjectError('malformed', `an object of a tree ${what}`)
}
