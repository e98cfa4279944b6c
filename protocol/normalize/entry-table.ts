/**
 * The names of a layer's tree while it grows: for each entry its parent and its name, found by
 * these two, and what it is by a number. 27 bytes an entry; its name is where the tree is.
 */
import type { ByteString } from './byte-string.ts'
import { cleared, free, grown, grownBytes } from './growing-array.ts'
import { halfSipHash, type HashKey } from './half-sip-hash.ts'
import { sortByName } from './name-sort.ts'
import { BytesReader, type TreeBytes } from './tree-bytes.ts'
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
  readonly #reader: BytesReader
  readonly #key: HashKey
  #size = 1
  #parents = new Uint32Array(INITIAL_ENTRIES)
  #nameAts = new Uint32Array(INITIAL_ENTRIES)
  /** Names are read only where these agree. */
  #hashes = new Uint32Array(INITIAL_ENTRIES)
  #next = new Uint32Array(INITIAL_ENTRIES)
  #values = new Uint32Array(INITIAL_ENTRIES)
  #kinds = new Uint8Array(INITIAL_ENTRIES)
  #slots = new Uint32Array(INITIAL_ENTRIES * SLOTS)

  constructor(names: TreeBytes, key: HashKey) {
    this.#names = names
    this.#reader = new BytesReader(names)
    this.#key = key
  }

  /** The entry `name` of `parent`; undefined where there is none. */
  find(parent: number, name: ByteString): number | undefined {
    const hash = halfSipHash(this.#key, parent, name)
    for (let slot = this.#slotOf(hash); ; slot = this.#after(slot)) {
      const entry = this.#slots[slot] as number
      if (entry === NONE) return undefined
      if (this.#hashes[entry] !== hash || this.#parents[entry] !== parent) continue
      if (this.#isNamed(entry, name)) return entry
    }
  }

  /** Adds an entry that is not there; `previous` is the child of `parent` that was added last. */
  add(parent: number, name: ByteString, kind: NodeKind, previous: number): number {
    if (this.#size === this.#parents.length) this.#grow()
    const entry = this.#size++
    this.#parents[entry] = parent
    this.#hashes[entry] = halfSipHash(this.#key, parent, name)
    this.#nameAts[entry] = this.#names.length
    this.#next[entry] = previous
    this.#kinds[entry] = KINDS.indexOf(kind)
    this.#names.u16(name.length)
    this.#names.raw(name)
    this.#enter(entry)
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

  name(entry: number): ByteString {
    const at = this.#nameAts[entry] as number
    return this.#reader.raw(at + 2, this.#reader.u16(at))
  }

  /** Where the name stands. */
  nameAt(entry: number): number {
    return this.#nameAts[entry] as number
  }

  /** Of no more use: its memory is not left for a garbage collection to come. */
  close(): void {
    for (const array of [this.#nameAts, this.#next, this.#values, this.#kinds]) free(array)
  }

  /** Nothing is looked for any more. */
  forget(): void {
    for (const array of [this.#slots, this.#parents, this.#hashes]) free(array)
  }

  /** All that follow from the child that was added last, in the order in which they came. */
  listFrom(last: number): Uint32Array {
    let count = 0
    for (let entry = last; entry !== NONE; entry = this.#next[entry] as number) count++
    const entries = new Uint32Array(count)
    for (let entry = last; entry !== NONE; entry = this.#next[entry] as number) {
      entries[--count] = entry
    }
    return entries
  }

  /** By name. */
  sort(entries: Uint32Array): Uint32Array {
    return sortByName(entries, (entry) => this.name(entry))
  }

  #isNamed(entry: number, name: ByteString): boolean {
    const at = this.#nameAts[entry] as number
    return this.#reader.u16(at) === name.length && this.#reader.is(at + 2, name)
  }

  #slotOf(hash: number): number {
    return Math.floor((hash / 2 ** 32) * this.#slots.length)
  }

  #after(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1
  }

  #enter(entry: number): void {
    let slot = this.#slotOf(this.#hashes[entry] as number)
    while (this.#slots[slot] !== NONE) slot = this.#after(slot)
    this.#slots[slot] = entry
  }

  #grow(): void {
    const length = this.#parents.length * 2
    this.#parents = grown(this.#parents, length)
    this.#nameAts = grown(this.#nameAts, length)
    this.#hashes = grown(this.#hashes, length)
    this.#next = grown(this.#next, length)
    this.#values = grown(this.#values, length)
    this.#kinds = grownBytes(this.#kinds, length)
    this.#slots = cleared(this.#slots, length * SLOTS)
    for (let entry = 1; entry < this.#size; entry++) this.#enter(entry)
  }
}
