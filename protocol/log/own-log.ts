/**
 * The log of one's own key: what has been published, in its order, and the head that was signed last.
 *
 * It never forks. Whoever keeps it writes the records of each step to the disk before anybody is
 * told of it; no head is smaller than the one before, none has another root, and times never
 * decrease. What cannot be continued without that risk, because others know more of it than we do,
 * is closed: the next log begins with a seal of what is known of this one. A statement that fell
 * behind the seal is appended anew. design.md section 6.
 *
 * Records: operator \0 key (32) n (u16) 0x00 index (u32) -> leaf slot; operator \0 key (32) n (u16) 0x01 -> head.
 */
import { concat, equalBytes, parseHex, toHex, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { KeyHex, OperatorId, Sid, UnixSeconds } from '../identifiers.ts'
import type { Signer } from '../signer.ts'
import { openHead, signHead, type Head, type HeadCard } from './head.ts'
import {
  leafBytes,
  LEAF_SLOT_BYTES,
  MAX_LOG_SIZE,
  packLeaf,
  parseLeafAt,
  type Leaf,
  type ProjectTag,
} from './leaf.ts'
import { LogError } from './log-error.ts'
import { hashLeaf, RootBuilder, rootOfLeaves } from './merkle.ts'
import { makeOrigin, type Origin } from './origin.ts'

const LEAF_RECORD = 0
const HEAD_RECORD = 1

export interface OwnLogRecord {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** A record to be written down, or one to be taken away. */
export interface OwnLogChange {
  readonly name: Uint8Array
  readonly value: Uint8Array | undefined
}

export interface OwnLogInit {
  readonly operator: OperatorId
  readonly key: KeyHex
}

/** One log of the chain. */
interface Chapter {
  readonly slots: Uint8Array[]
  readonly builder: RootBuilder
  head: Head | undefined
}

export class OwnLog {
  readonly #crypto: Crypto
  readonly #init: OwnLogInit
  readonly #chapters = new Map<number, Chapter>()
  readonly #logged = new Set<Sid>()
  #n = 0
  #time: UnixSeconds = 0
  /** By the number of the log; what is closed needs not be whole to be left alone. */
  readonly #damages = new Map<number, string>()

  private constructor(crypto: Crypto, init: OwnLogInit) {
    this.#crypto = crypto
    this.#init = init
  }

  /** An own log from its records, in bytewise order of their names; those of other operators are passed over. */
  static restore(crypto: Crypto, init: OwnLogInit, records: Iterable<OwnLogRecord>): OwnLog {
    const log = new OwnLog(crypto, init)
    for (const { name, value } of records) log.#restore(name, value)
    for (const [n, { head, slots }] of log.#chapters) {
      if (head !== undefined) {
        const root = head.size <= slots.length ? log.#rootAt(n, head.size) : undefined
        if (root !== head.root) log.#damaged(n, `log ${n} is not what its own head says`)
      }
      // What no head covered when a log was closed stands nowhere.
      const covered = n < log.#n ? (head?.size ?? 0) : slots.length
      for (const slot of slots.slice(0, covered)) log.#logged.add(sidOf(slot))
    }
    return log
  }

  /** The names of its records begin with this. */
  static prefix({ operator, key }: OwnLogInit): Uint8Array {
    return concat(utf8(operator), Uint8Array.of(0), parseHex(key) ?? new Uint8Array())
  }

  /** Why it cannot be continued, where its records are not whole; `reopen` it then. */
  get damage(): string | undefined {
    return this.#damages.get(this.#n)
  }

  /** Of the log that is appended to. */
  get origin(): Origin {
    return makeOrigin(this.#init.operator, this.#init.key, this.#n)
  }

  get size(): number {
    return this.#chapters.get(this.#n)?.slots.length ?? 0
  }

  /** The head of the open log that was signed last. */
  get head(): Head | undefined {
    return this.#chapters.get(this.#n)?.head
  }

  /** Whether there are leaves that no head covers. */
  get isAhead(): boolean {
    return this.size > (this.head?.size ?? 0)
  }

  /** The next statement goes into the next log, once a head covers all of this one. */
  get isFull(): boolean {
    return this.size >= MAX_LOG_SIZE
  }

  has(sid: Sid): boolean {
    return this.#logged.has(sid)
  }

  /** The last head of each log, oldest first. */
  heads(): readonly Head[] {
    const chapters = [...this.#chapters].sort(([a], [b]) => a - b)
    return chapters.flatMap(([, { head }]) => head ?? [])
  }

  /** Leaf slots [from, to) of log `n`. */
  slots(n: number, from: number, to: number): readonly Uint8Array[] {
    return this.#chapters.get(n)?.slots.slice(from, to) ?? []
  }

  /** Appends a statement, in a new log where this one is full. */
  append(sid: Sid, tag: ProjectTag): readonly OwnLogChange[] {
    if (this.damage !== undefined) throw new Error('a damaged log is not appended to')
    if (this.#logged.has(sid)) return []
    const records: OwnLogChange[] = []
    if (this.isFull) {
      const { head } = this
      if (head?.size !== this.size) throw new Error('a full log is signed before it is closed')
      records.push(...this.#open(this.#n + 1, head))
    }
    records.push(this.#push({ kind: 'statement', sid, tag }))
    return records
  }

  /**
   * Signs the log as it is, at `now` or at the time of the last head if that is later. The records
   * are on the disk before the head is given to anybody.
   */
  sign(
    now: UnixSeconds,
    card: HeadCard,
    signer: Signer,
  ): { readonly head: Head; readonly records: readonly OwnLogChange[] } {
    if (this.damage !== undefined) throw new Error('a damaged log is not signed')
    const chapter = this.#chapter(this.#n)
    this.#time = Math.max(this.#time, now)
    const head = signHead(
      {
        origin: this.origin,
        size: chapter.slots.length,
        root: toHex(chapter.builder.root()),
        card,
        time: this.#time,
      },
      signer,
      this.#crypto,
    )
    chapter.head = head
    return { head, records: [{ name: this.#name(this.#n, HEAD_RECORD), value: head.bytes }] }
  }

  /** Whether this head, signed by our key, is one that we know to have signed, or could have. */
  knows(head: Head): boolean {
    const { n } = head.origin
    if (n > this.#n) return false
    const chapter = this.#chapters.get(n)
    // What lies beyond a seal is closed: nothing can be made of it any more.
    if (n < this.#n) return true
    return (
      chapter?.head !== undefined &&
      head.size <= chapter.head.size &&
      head.root === this.#rootAt(n, head.size)
    )
  }

  /**
   * Closes what there is, and opens a log behind the last head that we or others know of: `known` is
   * the largest of ours that others hold. A log of which nobody has a head is begun again.
   */
  reopen(known: Head | undefined): readonly OwnLogChange[] {
    const own = this.heads().at(-1)
    const last = known === undefined || isBefore(known, own) ? own : known
    if (known !== undefined) this.notBefore(known.time)
    const n = (last?.origin.n ?? -1) + 1
    this.#damages.clear()
    const removed: OwnLogChange[] = []
    for (const [number, { slots, head }] of this.#chapters) {
      const covered = head?.size ?? 0
      slots.slice(covered).forEach((slot, i) => {
        this.#logged.delete(sidOf(slot))
        removed.push({ name: this.#name(number, LEAF_RECORD, covered + i), value: undefined })
      })
      slots.length = Math.min(slots.length, covered)
    }
    return [...removed, ...this.#open(n, last)]
  }

  /** Times that others have seen from us are not undercut. */
  notBefore(time: UnixSeconds): void {
    this.#time = Math.max(this.#time, time)
  }

  #open(n: number, last: Pick<Head, 'size' | 'root'> | undefined): readonly OwnLogRecord[] {
    this.#n = n
    this.#chapters.set(n, { slots: [], builder: new RootBuilder(this.#crypto), head: undefined })
    if (n === 0) return []
    const size = last?.size ?? 0
    const root = last?.root ?? toHex(new RootBuilder(this.#crypto).root())
    return [this.#push({ kind: 'seal', size, root })]
  }

  #push(leaf: Leaf): OwnLogRecord {
    const chapter = this.#chapter(this.#n)
    const slot = packLeaf(leaf)
    const index = chapter.slots.length
    chapter.slots.push(slot)
    chapter.builder.push(hashLeaf(leafBytes(slot), this.#crypto))
    if (leaf.kind === 'statement') this.#logged.add(leaf.sid)
    return { name: this.#name(this.#n, LEAF_RECORD, index), value: slot }
  }

  #restore(name: Uint8Array, value: Uint8Array): void {
    const prefix = OwnLog.prefix(this.#init)
    if (!equalBytes(name.subarray(0, prefix.length), prefix)) return
    const rest = name.subarray(prefix.length)
    const view = new DataView(rest.buffer, rest.byteOffset, rest.length)
    const n = rest.length >= 3 ? view.getUint16(0) : -1
    if (n < 0) return
    this.#n = Math.max(this.#n, n)
    const isHead = rest[2] === HEAD_RECORD && rest.length === 3
    try {
      if (isHead) this.#restoreHead(n, value)
      else if (rest[2] === LEAF_RECORD && rest.length === 7) {
        this.#restoreLeaf(n, view.getUint32(3), value)
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      // A head that is lost covered no more than the leaves, which were written before it.
      if (!isHead) this.#damaged(n, `log ${n} is damaged (${error.message})`)
    }
  }

  #damaged(n: number, why: string): void {
    if (!this.#damages.has(n)) this.#damages.set(n, why)
  }

  #restoreLeaf(n: number, index: number, slot: Uint8Array): void {
    const chapter = this.#chapter(n)
    if (index !== chapter.slots.length || slot.length !== LEAF_SLOT_BYTES) {
      this.#damaged(n, `leaf ${chapter.slots.length} of log ${n} is missing`)
      return
    }
    parseLeafAt(slot, n, index)
    chapter.slots.push(Uint8Array.from(slot))
    chapter.builder.push(hashLeaf(leafBytes(slot), this.#crypto))
  }

  #restoreHead(n: number, bytes: Uint8Array): void {
    const { text } = makeOrigin(this.#init.operator, this.#init.key, n)
    const head = openHead(bytes, this.#crypto)
    if (head.origin.text !== text) throw new LogError('origin-malformed', 'a head of another log')
    this.#chapter(n).head = head
    this.#time = Math.max(this.#time, head.time)
  }

  #chapter(n: number): Chapter {
    const chapter = this.#chapters.get(n) ?? {
      slots: [],
      builder: new RootBuilder(this.#crypto),
      head: undefined,
    }
    this.#chapters.set(n, chapter)
    return chapter
  }

  #rootAt(n: number, size: number): string {
    const slots = this.#chapters.get(n)?.slots ?? []
    return rootOfLeaves(slots.slice(0, size).map(leafBytes), this.#crypto)
  }

  #name(n: number, kind: number, index?: number): Uint8Array {
    const rest = new Uint8Array(index === undefined ? 3 : 7)
    const view = new DataView(rest.buffer)
    view.setUint16(0, n)
    rest[2] = kind
    if (index !== undefined) view.setUint32(3, index)
    return concat(OwnLog.prefix(this.#init), rest)
  }
}

/** Of a statement's leaf; a seal has none, and what stands there is never asked for. */
function sidOf(slot: Uint8Array): Sid {
  return toHex(slot.subarray(1, 33))
}

/** Whether `head` says less than `other`. */
function isBefore(head: Head, other: Head | undefined): boolean {
  if (other === undefined) return false
  return (
    head.origin.n < other.origin.n || (head.origin.n === other.origin.n && head.size <= other.size)
  )
}
