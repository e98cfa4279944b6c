/**
 * One log as this node knows it: the largest head whose leaves are all here, these leaves, and which
 * of their statements have arrived.
 *
 * Leaves come in only together with the head that they give the root of; so whatever stands in the
 * tree stands under a verified head.
 */
import { parseHex, toHex } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { Sid } from '../identifiers.ts'
import { BitSet } from './bit-set.ts'
import type { Head } from './head.ts'
import { parseLeaf, type ProjectTag, type SealLeaf } from './leaf.ts'
import { LogTree } from './log-tree.ts'
import type { Origin } from './origin.ts'

const STATEMENT_LEAF = 1
const TAG_AT = 33

export class FollowedLog {
  readonly origin: Origin
  readonly tree: LogTree
  /** The largest head whose leaves are here, at its latest time. */
  head: Head | undefined
  /** Of all heads seen the one dated first. */
  first: Head | undefined
  /** A larger head whose leaves are not here yet: it replaces nothing. */
  claim: Head | undefined
  /** A head dated too far ahead to be looked at. */
  held: Head | undefined
  /** Why no leaves behind those that are here can be read. */
  unreadable: string | undefined
  /** One bit a leaf: its statement is here, or there is none to wait for. */
  readonly #here = new BitSet()
  /** Its statement has come and is by another key: it is never asked for again, and never here. */
  readonly #foreign = new BitSet()
  /** Its statement has come and was not taken: it is not asked for again for a while. */
  readonly #declined = new BitSet()
  /** How many statements are missing under a tag, for each that somebody asked about. */
  readonly #missing = new Map<ProjectTag, number>()

  constructor(origin: Origin, crypto: Crypto) {
    this.origin = origin
    this.tree = new LogTree(crypto)
  }

  /** The seal of the log before, once it is here. */
  get seal(): SealLeaf | undefined {
    if (this.origin.n === 0 || this.tree.size === 0) return undefined
    const leaf = parseLeaf(this.tree.slot(0))
    return leaf.kind === 'seal' ? leaf : undefined
  }

  /** Notes a head whose leaves are not here; the largest is kept, at its latest time. */
  claimed(head: Head): void {
    const { claim } = this
    if (claim === undefined || claim.size < head.size || claim.time < head.time) this.claim = head
  }

  /** Leaves from `from` on have come into the tree, checked against a head. */
  tookIn(from: number): void {
    if (this.#missing.size === 0) return
    for (let index = from; index < this.tree.size; index++) {
      const tag = this.tagAt(index)
      const count = tag === undefined ? undefined : this.#missing.get(tag)
      if (tag !== undefined && count !== undefined) this.#missing.set(tag, count + 1)
    }
  }

  isHere(index: number): boolean {
    return this.#here.has(index)
  }

  /** Notes that the statement of leaf `index` is here; false if that was known. */
  markHere(index: number): boolean {
    if (this.isHere(index)) return false
    this.#here.add(index)
    const tag = this.tagAt(index)
    const count = tag === undefined ? undefined : this.#missing.get(tag)
    if (tag !== undefined && count !== undefined) this.#missing.set(tag, count - 1)
    return true
  }

  /** Notes that the statement of leaf `index` is gone again. */
  markMissing(index: number): boolean {
    if (!this.isHere(index)) return false
    this.#here.delete(index)
    const tag = this.tagAt(index)
    const count = tag === undefined ? undefined : this.#missing.get(tag)
    if (tag !== undefined && count !== undefined) this.#missing.set(tag, count + 1)
    return true
  }

  /** Notes that the statement of leaf `index` is by another key. */
  markForeign(index: number): void {
    this.#foreign.add(index)
  }

  /** Notes that the statement of leaf `index` was not taken. */
  markDeclined(index: number): void {
    this.#declined.add(index)
  }

  /** What was not taken may be wanted now. */
  forgetDeclined(): void {
    this.#declined.clear()
  }

  /** How many statements under `tag` are not here. */
  missing(tag: ProjectTag): number {
    const known = this.#missing.get(tag)
    if (known !== undefined) return known
    const count = this.#countMissing(tag, this.tree.size)
    this.#missing.set(tag, count)
    return count
  }

  /** The same among the first `size` leaves. */
  missingBelow(tag: ProjectTag, size: number): number {
    if (this.missing(tag) === 0) return 0
    return this.#countMissing(tag, Math.min(size, this.tree.size))
  }

  #countMissing(tag: ProjectTag, size: number): number {
    const bytes = parseHex(tag) ?? new Uint8Array()
    let count = 0
    for (let index = 0; index < size; index++) {
      if (this.isHere(index)) continue
      const slot = this.tree.slot(index)
      if (slot[0] === STATEMENT_LEAF && bytes.every((byte, i) => slot[TAG_AT + i] === byte)) count++
    }
    return count
  }

  /** Statements that are not here, of any of `tags`, or of all. */
  *missingSids(tags?: ReadonlySet<ProjectTag>): Generator<Sid> {
    for (const index of this.#missingLeaves(tags)) yield this.sidAt(index)
  }

  /** Those of them that peers are to be asked for: that did not come before, for nothing. */
  *wantedSids(tags?: ReadonlySet<ProjectTag>): Generator<Sid> {
    for (const index of this.#missingLeaves(tags)) {
      if (!this.#foreign.has(index) && !this.#declined.has(index)) yield this.sidAt(index)
    }
  }

  *#missingLeaves(tags: ReadonlySet<ProjectTag> | undefined): Generator<number> {
    for (let index = 0; index < this.tree.size; index++) {
      if (this.isHere(index)) continue
      const tag = this.tagAt(index)
      if (tag !== undefined && (tags === undefined || tags.has(tag))) yield index
    }
  }

  sidAt(index: number): Sid {
    return toHex(this.tree.slot(index).subarray(1, 33))
  }

  /** Undefined for a seal. */
  tagAt(index: number): ProjectTag | undefined {
    const slot = this.tree.slot(index)
    return slot[0] === STATEMENT_LEAF ? toHex(slot.subarray(TAG_AT)) : undefined
  }

  /** The bits of the leaves [from, to), `from` a multiple of eight. */
  hereBits(from: number, to: number): Uint8Array {
    return this.#here.slice(from, Math.min(to, this.tree.size))
  }
}
