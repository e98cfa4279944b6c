/**
 * The leaves of one log, packed one behind the other, and the hashes over them.
 *
 * Only the hashes of whole blocks of 256 leaves are kept, so that a leaf costs little more than its
 * bytes, and the root of any prefix costs at most one block of leaves and the blocks' own hashes.
 */
import type { Crypto } from '../crypto.ts'
import { LEAF_SLOT_BYTES, leafBytes } from './leaf.ts'
import { coverOf, hashLeaf, hashNode, rootOfCover, type Subtree } from './merkle.ts'

const BLOCK_LEVEL = 8
const MIN_CAPACITY = 4

export class LogTree {
  readonly #crypto: Crypto
  #slots = new Uint8Array(0)
  #size = 0
  /** Hashes of the first whole blocks, as far as somebody asked. */
  readonly #blocks: Uint8Array[] = []

  constructor(crypto: Crypto, slots?: Uint8Array) {
    this.#crypto = crypto
    if (slots !== undefined) this.append(slots)
  }

  get size(): number {
    return this.#size
  }

  /** A view of the slot of leaf `index`; it is good until the next change. */
  slot(index: number): Uint8Array {
    if (index < 0 || index >= this.#size) throw new RangeError(`no leaf ${index} of ${this.#size}`)
    return this.#slots.subarray(index * LEAF_SLOT_BYTES, (index + 1) * LEAF_SLOT_BYTES)
  }

  /** A copy of the slots of leaves [from, to). */
  slots(from = 0, to = this.#size): Uint8Array {
    if (from > to || to > this.#size) throw new RangeError(`no leaves ${from} to ${to}`)
    return this.#slots.slice(from * LEAF_SLOT_BYTES, to * LEAF_SLOT_BYTES)
  }

  /** Adds slots of 49 bytes each. */
  append(slots: Uint8Array): void {
    const used = this.#size * LEAF_SLOT_BYTES
    const needed = used + slots.length
    if (slots.length % LEAF_SLOT_BYTES !== 0) throw new RangeError('not whole leaves')
    if (needed > this.#slots.length) {
      // An eighth more than is needed: growing stays cheap, and little memory stands empty.
      const leaves = needed / LEAF_SLOT_BYTES
      const grown = new Uint8Array(Math.max(MIN_CAPACITY, leaves + (leaves >> 3)) * LEAF_SLOT_BYTES)
      grown.set(this.#slots.subarray(0, used))
      this.#slots = grown
    }
    this.#slots.set(slots, used)
    this.#size = needed / LEAF_SLOT_BYTES
  }

  /** Forgets all leaves from `size` on. */
  truncate(size: number): void {
    if (size > this.#size) throw new RangeError(`${size} of ${this.#size} leaves`)
    this.#size = size
    this.#blocks.length = Math.min(this.#blocks.length, size >> BLOCK_LEVEL)
  }

  /** Root (hex) of the first `size` leaves. */
  root(size = this.#size): string {
    return rootOfCover(coverOf(0, size), this.hashes(0, size), this.#crypto)
  }

  /** The hashes over [from, to), as `coverOf` has them. */
  hashes(from: number, to: number): Uint8Array[] {
    if (from > to || to > this.#size) throw new RangeError(`no leaves ${from} to ${to}`)
    return coverOf(from, to).map((subtree) => this.#hash(subtree))
  }

  /** Whether `root` (hex) is that of the first `size` leaves. */
  hasPrefix(size: number, root: string): boolean {
    return size <= this.#size && this.root(size) === root
  }

  #hash({ level, index }: Subtree): Uint8Array {
    if (level === 0) return hashLeaf(leafBytes(this.slot(index)), this.#crypto)
    if (level === BLOCK_LEVEL) {
      const known = this.#blocks[index]
      if (known !== undefined) return known
    }
    const left = this.#hash({ level: level - 1, index: index * 2 })
    const hash = hashNode(
      left,
      this.#hash({ level: level - 1, index: index * 2 + 1 }),
      this.#crypto,
    )
    if (level === BLOCK_LEVEL) this.#keepBlock(index, hash)
    return hash
  }

  #keepBlock(index: number, hash: Uint8Array): void {
    // A copy: hosts hand out views of larger buffers.
    if (index === this.#blocks.length) this.#blocks.push(new Uint8Array(hash))
  }
}

/** Root (hex) of packed leaves. */
export function rootOfSlots(slots: Uint8Array, crypto: Crypto): string {
  return new LogTree(crypto, slots).root()
}
