/** Reads what LevelDB writes into its files: numbers of seven bits a byte, and bytes. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Throws RangeError where it does not end. */
  varint(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) break
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new RangeError('a number that does not end')
  }

  /** The next `length` bytes; throws RangeError where there are fewer. */
  skip(length: number): Uint8Array {
    const skipped = this.#bytes.subarray(this.#at, this.#at + length)
    if (skipped.length !== length) throw new RangeError('beyond the end')
    this.#at += length
    return skipped
  }
}
