/**
 * Numbers sorted by the names that they stand for. One directory may have a million names of 255
 * bytes: they are read again and again instead of being in memory all at once, and as bytes, since
 * strings by the thousand outlive what they are for.
 */
import type { ByteString } from './byte-string.ts'
import { mergeByName, type Named } from './merge-by-name.ts'

export interface SortLimits {
  /** Names in memory at once, and about how many bytes they have. */
  readonly maxNames: number
  readonly maxNameBytes: number
}

const DEFAULT_SORT_LIMITS: SortLimits = Object.freeze({
  maxNames: 64 * 1024,
  maxNameBytes: 2 * 1024 * 1024,
})
const INITIAL_BYTES = 4096

/** In place where few are sorted; the result counts. */
export function sortByName(
  numbers: Uint32Array,
  nameOf: (number: number) => ByteString,
  limits: SortLimits = DEFAULT_SORT_LIMITS,
): Uint32Array {
  if (numbers.length < 2) return numbers
  const runs: Uint32Array[] = []
  for (let from = 0; from < numbers.length;) {
    const run = new Run(numbers.subarray(from, from + limits.maxNames), nameOf, limits.maxNameBytes)
    runs.push(run.sort())
    from += run.length
  }
  const [only] = runs
  if (only !== undefined && runs.length === 1) return only
  const merged = new Uint32Array(numbers.length)
  let at = 0
  for (const [, number] of mergeByName(runs.map((run) => named(run, nameOf)))) merged[at++] = number
  return merged
}

function* named(
  numbers: Uint32Array,
  nameOf: (number: number) => ByteString,
): Generator<Named<number>> {
  for (const number of numbers) yield [nameOf(number), number]
}

/** As many of the first numbers as have room. */
class Run {
  readonly #numbers: Uint32Array
  readonly #ends: Uint32Array
  #bytes = new Uint8Array(INITIAL_BYTES)
  #isSorted = true
  length = 0

  constructor(numbers: Uint32Array, nameOf: (number: number) => ByteString, maxBytes: number) {
    this.#ends = new Uint32Array(numbers.length + 1)
    let end = 0
    while (this.length < numbers.length && end < maxBytes) {
      const name = nameOf(numbers[this.length] as number)
      this.#reserve(end + name.length)
      for (let i = 0; i < name.length; i++) this.#bytes[end++] = name.charCodeAt(i)
      this.#ends[++this.length] = end
      if (this.length > 1 && this.#compare(this.length - 2, this.length - 1) > 0) {
        this.#isSorted = false
      }
    }
    this.#numbers = numbers.subarray(0, this.length)
  }

  sort(): Uint32Array {
    if (this.#isSorted) return this.#numbers
    const order = Uint32Array.from(this.#numbers, (_, i) => i)
    order.sort((a, b) => this.#compare(a, b))
    const sorted = order.map((i) => this.#numbers[i] as number)
    this.#numbers.set(sorted)
    return this.#numbers
  }

  #compare(a: number, b: number): number {
    const bytes = this.#bytes
    const startA = this.#ends[a] as number
    const endA = this.#ends[a + 1] as number
    const startB = this.#ends[b] as number
    const endB = this.#ends[b + 1] as number
    const common = Math.min(endA - startA, endB - startB)
    for (let i = 0; i < common; i++) {
      const difference = (bytes[startA + i] as number) - (bytes[startB + i] as number)
      if (difference !== 0) return difference
    }
    return endA - startA - (endB - startB)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(bytes, 2 * this.#bytes.length))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
