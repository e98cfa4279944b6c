/** One bit for each of many numbers, in as many bytes as the largest takes and an eighth more. */
export class BitSet {
  #bytes = new Uint8Array(0)

  has(index: number): boolean {
    return (((this.#bytes[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
  }

  add(index: number): void {
    const at = index >> 3
    if (at >= this.#bytes.length) {
      const grown = new Uint8Array(at + 1 + (at >> 3))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (index & 7))
  }

  delete(index: number): void {
    const at = index >> 3
    if (at < this.#bytes.length) this.#bytes[at] = (this.#bytes[at] ?? 0) & ~(1 << (index & 7))
  }

  clear(): void {
    this.#bytes = new Uint8Array(0)
  }

  /** The bits of [from, to), `from` a multiple of eight; what was never added is zero. */
  slice(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array((to + 7 - from) >> 3)
    bytes.set(this.#bytes.subarray(from >> 3, (from >> 3) + bytes.length))
    return bytes
  }
}
