/**
 * From a sid to the leaves that hold it: open addressing over numbers that stand for leaves, four
 * bytes each. Several logs may hold one sid, so that nobody can hide another's leaf behind their own.
 *
 * The sids of a log are whatever its owner writes there, and without a secret somebody could make
 * thousands fall onto one place. So the place follows from a sum of the sid's parts, each times a secret
 * number, modulo a prime: two sids of whatever form fall together as seldom as chance has it (Carter and
 * Wegman 1979), and it costs a tenth of a hash.
 */
import { concat } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'

const EMPTY = 0xffff_ffff
const MIN_PLACES = 64
/** The largest below 2^32: sixteen products of it with 16 bits are exact in a double. */
const PRIME = 4_294_967_291
const PARTS = 16

export class SidIndex {
  /** Below the prime, one for each part of a sid. */
  readonly #factors: Float64Array
  /** The 32 bytes of the sid of a leaf. */
  readonly #sidOf: (leaf: number) => Uint8Array
  #places = new Uint32Array(MIN_PLACES).fill(EMPTY)
  #count = 0

  constructor(crypto: Crypto, secret: Uint8Array, sidOf: (leaf: number) => Uint8Array) {
    this.#factors = secretFactors(crypto, secret)
    this.#sidOf = sidOf
  }

  get count(): number {
    return this.#count
  }

  /** Makes room for so many more, at four taken places in five. */
  reserve(more: number): void {
    let length = this.#places.length
    while ((this.#count + more) * 5 > length * 4) length *= 2
    if (length > this.#places.length) this.#resize(length)
  }

  /** Adds a leaf, unless one with its sid is here for which `isSame` holds; whether it did. */
  add(leaf: number, isSame: (other: number) => boolean): boolean {
    this.reserve(1)
    const sid = this.#sidOf(leaf)
    const mask = this.#places.length - 1
    let at = this.#placeOf(sid)
    for (; this.#places[at] !== EMPTY; at = (at + 1) & mask) {
      const other = this.#places[at] as number
      if (isSame(other) && sameSid(this.#sidOf(other), sid)) return false
    }
    this.#places[at] = leaf
    this.#count++
    return true
  }

  /** The leaves that hold `sid`, in no order that matters. */
  find(sid: Uint8Array): number[] {
    const mask = this.#places.length - 1
    const found: number[] = []
    for (let at = this.#placeOf(sid); ; at++) {
      const leaf = this.#places[at & mask] as number
      if (leaf === EMPTY) return found
      if (sameSid(this.#sidOf(leaf), sid)) found.push(leaf)
    }
  }

  #resize(length: number): void {
    const before = this.#places
    this.#places = new Uint32Array(length).fill(EMPTY)
    const mask = this.#places.length - 1
    for (const leaf of before) {
      if (leaf === EMPTY) continue
      let at = this.#placeOf(this.#sidOf(leaf))
      while (this.#places[at] !== EMPTY) at = (at + 1) & mask
      this.#places[at] = leaf
    }
  }

  #placeOf(sid: Uint8Array): number {
    let sum = 0
    for (let i = 0; i < PARTS; i++) {
      const part = ((sid[2 * i] as number) << 8) | (sid[2 * i + 1] as number)
      sum += part * (this.#factors[i] as number)
    }
    // Sids that follow one another would give places that do: their bits are mixed, one to one.
    let place = (sum % PRIME) | 0
    place = Math.imul(place ^ (place >>> 16), 0x85ebca6b)
    place = Math.imul(place ^ (place >>> 13), 0xc2b2ae35)
    return (place ^ (place >>> 16)) & (this.#places.length - 1)
  }
}

function secretFactors(crypto: Crypto, secret: Uint8Array): Float64Array {
  return Float64Array.from({ length: PARTS }, (_, i) => {
    const { buffer, byteOffset } = crypto.sha256(concat(secret, Uint8Array.of(i)))
    return new DataView(buffer, byteOffset).getUint32(0) % PRIME
  })
}

function sameSid(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) if (a[i] !== b[i]) return false
  return true
}
