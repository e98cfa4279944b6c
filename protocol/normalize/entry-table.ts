/**
 * The names of a layer's tree while it grows: for each entry its parent and its name, found by
 * these two, and what it is by a number. About 30 bytes an entry beside its name.
 */
import { type ByteString, toByteString } from './byte-string.ts'
import { halfSipHash, type HashKey } from './half-sip-hash.ts'
import type { TreeBytes } from './tree-bytes.ts'
import { KINDS } from './tree-record.ts'
import type { NodeKind } from './tree.ts'

const INITIAL_ENTRIES = 256
/** For each entry that there is room for. */
const SLOTS = 1.5
/** There is no more: entries are numbered from 1. */
const NONE = 0

export class EntryTable {
  /** Where names are written, each with its length before it. */
  readonly #names: TreeBytes
  readonly #key: HashKey
  #size = 1
  #parents = new Uint32Array(INITIAL_ENTRIES)
  #nameAts = new Uint32Array(INITIAL_ENTRIES)
  #next = new Uint32Array(INITIAL_ENTRIES)
  #values = new Uint32Array(INITIAL_ENTRIES)
  #kinds = new Uint8Array(INITIAL_ENTRIES)
  #slots = new Uint32Array(INITIAL_ENTRIES * SLOTS)

  constructor(names: TreeBytes, key: HashKey) {
    this.#names = names
    this.#key = key
  }

  /** The entry `name` of `parent`; undefined where there is none. */
  find(parent: number, name: ByteString): number | undefined {
    for (let slot = this.#slotOf(parent, name); ; slot = this.#after(slot)) {
      const entry = this.#slots[slot] as number
      if (entry === NONE) return undefined
      if (this.#parents[entry] === parent && this.#isNamed(entry, name)) return entry
    }
  }

  /** Adds an entry that is not there; `previous` is the child of `parent` that was added last. */
  add(parent: number, name: ByteString, kind: NodeKind, previous: number): number {
    if (this.#size === this.#parents.length) this.#grow()
    const entry = this.#size++
    this.#parents[entry] = parent
    this.#nameAts[entry] = this.#names.length
    this.#next[entry] = previous
    this.#kinds[entry] = KINDS.indexOf(kind)
    this.#names.u8(name.length)
    this.#names.raw(name)
    this.#enter(entry, name)
    return entry
  }

  kind(entry: number): NodeKind {
    return KINDS[this.#kinds[entry] as number] as NodeKind
  }

  /** What was set for it. */
  get(entry: number): number {
    return this.#values[entry] as number
  }

  set(entry: number, value: number): void {
    this.#values[entry] = value
  }

  /** As a view: valid until something is added. */
  name(entry: number): Uint8Array {
    const at = this.#nameAts[entry] as number
    return this.#names.rawAt(at + 1, this.#names.u8At(at))
  }

  /** Where the name stands. */
  nameAt(entry: number): number {
    return this.#nameAts[entry] as number
  }

  /** Nothing is looked for any more. */
  forget(): void {
    this.#slots.buffer.transfer(0)
    this.#parents.buffer.transfer(0)
  }

  /** All that follow from the child that was added last, sorted by name. */
  sortedFrom(last: number): Uint32Array {
    let count = 0
    for (let entry = last; entry !== NONE; entry = this.#next[entry] as number) count++
    const entries = new Uint32Array(count)
    for (let entry = last; entry !== NONE; entry = this.#next[entry] as number) {
      entries[--count] = entry
    }
    return entries.sort((a, b) => this.#compareNames(a, b))
  }

  #compareNames(a: number, b: number): number {
    const names = this.#names
    const atA = this.#nameAts[a] as number
    const atB = this.#nameAts[b] as number
    const lengthA = names.u8At(atA)
    const lengthB = names.u8At(atB)
    const common = Math.min(lengthA, lengthB)
    for (let i = 1; i <= common; i++) {
      const difference = names.u8At(atA + i) - names.u8At(atB + i)
      if (difference !== 0) return difference
    }
    return lengthA - lengthB
  }

  #isNamed(entry: number, name: ByteString): boolean {
    const names = this.#names
    const at = this.#nameAts[entry] as number
    if (names.u8At(at) !== name.length) return false
    for (let i = 0; i < name.length; i++) {
      if (names.u8At(at + 1 + i) !== name.charCodeAt(i)) return false
    }
    return true
  }

  #slotOf(parent: number, name: ByteString): number {
    return Math.floor((halfSipHash(this.#key, parent, name) / 2 ** 32) * this.#slots.length)
  }

  #after(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1
  }

  #enter(entry: number, name: ByteString): void {
    let slot = this.#slotOf(this.#parents[entry] as number, name)
    while (this.#slots[slot] !== NONE) slot = this.#after(slot)
    this.#slots[slot] = entry
  }

  #grow(): void {
    const length = this.#parents.length * 2
    this.#parents = grown(this.#parents, length)
    this.#nameAts = grown(this.#nameAts, length)
    this.#next = grown(this.#next, length)
    this.#values = grown(this.#values, length)
    this.#kinds = new Uint8Array(this.#kinds.buffer.transfer(length))
    this.#slots.buffer.transfer(0)
    this.#slots = new Uint32Array(length * SLOTS)
    for (let entry = 1; entry < this.#size; entry++) {
      this.#enter(entry, toByteString(this.name(entry)))
    }
  }
}

/** Without leaving the old one for a garbage collection to come. */
function grown(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(array.buffer.transfer(length * Uint32Array.BYTES_PER_ELEMENT))
}
