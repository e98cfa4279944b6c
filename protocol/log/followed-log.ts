/**
 * One log as this node knows it: the largest head whose leaves are all here, these leaves, and which
 * of their statements have arrived.
 *
 * Leaves come in only together with the head that they give the root of; so whatever stands in the
 * tree stands under a verified head.
 */
import { toHex } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { Sid } from '../identifiers.ts'
import type { Head } from './head.ts'
import { parseLeaf, type ProjectTag, type SealLeaf } from './leaf.ts'
import { LogTree } from './log-tree.ts'
import type { Origin } from './origin.ts'

const STATEMENT_LEAF = 1

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
  #here = new Uint8Array(0)
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
    const bytes = (this.tree.size + 7) >> 3
    if (bytes > this.#here.length) {
      const here = new Uint8Array(bytes + (bytes >> 3))
      here.set(this.#here)
      this.#here = here
    }
    if (this.#missing.size === 0) return
    for (let index = from; index < this.tree.size; index++) {
      const tag = this.tagAt(index)
      const count = tag === undefined ? undefined : this.#missing.get(tag)
      if (tag !== undefined && count !== undefined) this.#missing.set(tag, count + 1)
    }
  }

  isHere(index: number): boolean {
    return (((this.#here[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
  }

  /** Notes that the statement of leaf `index` is here; false if that was known. */
  markHere(index: number): boolean {
    if (this.isHere(index)) return false
    this.#here[index >> 3] = (this.#here[index >> 3] ?? 0) | (1 << (index & 7))
    const tag = this.tagAt(index)
    const count = tag === undefined ? undefined : this.#missing.get(tag)
    if (tag !== undefined && count !== undefined) this.#missing.set(tag, count - 1)
    return true
  }

  /** Notes that the statement of leaf `index` is gone again. */
  markMissing(index: number): boolean {
    if (!this.isHere(index)) return false
    this.#here[index >> 3] = (this.#here[index >> 3] ?? 0) & ~(1 << (index & 7))
    const tag = this.tagAt(index)
    const count = tag === undefined ? undefined : this.#missing.get(tag)
    if (tag !== undefined && count !== undefined) this.#missing.set(tag, count + 1)
    return true
  }

  /** How many statements under `tag` are not here. */
  missing(tag: ProjectTag): number {
    const known = this.#missing.get(tag)
    if (known !== undefined) return known
    let count = 0
    for (let index = 0; index < this.tree.size; index++) {
      if (!this.isHere(index) && this.tagAt(index) === tag) count++
    }
    this.#missing.set(tag, count)
    return count
  }

  /** The same among the first `size` leaves. */
  missingBelow(tag: ProjectTag, size: number): number {
    if (this.missing(tag) === 0) return 0
    let count = 0
    for (let index = 0; index < Math.min(size, this.tree.size); index++) {
      if (!this.isHere(index) && this.tagAt(index) === tag) count++
    }
    return count
  }

  /** Statements that are not here, of any of `tags`, or of all. */
  *missingSids(tags: ReadonlySet<ProjectTag> | undefined): Generator<Sid> {
    for (let index = 0; index < this.tree.size; index++) {
      if (this.isHere(index)) continue
      const tag = this.tagAt(index)
      if (tag !== undefined && (tags === undefined || tags.has(tag))) yield this.sidAt(index)
    }
  }

  sidAt(index: number): Sid {
    return toHex(this.tree.slot(index).subarray(1, 33))
  }

  /** Undefined for a seal. */
  tagAt(index: number): ProjectTag | undefined {
    const slot = this.tree.slot(index)
    return slot[0] === STATEMENT_LEAF ? toHex(slot.subarray(33)) : undefined
  }

  /** The bits of the leaves [from, to), `from` a multiple of eight. */
  hereBits(from: number, to: number): Uint8Array {
    return this.#here.slice(from >> 3, (Math.min(to, this.tree.size) + 7) >> 3)
  }
}
