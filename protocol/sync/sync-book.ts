/**
 * The LogBook as sync asks it: which logs match a query, and what there is to say of each.
 *
 * Which logs speak of a project is remembered as the book grows, so that a query costs a look at
 * each log and not at each leaf.
 */
import { toHex } from '../bytes.ts'
import type { Sid, UnixSeconds } from '../identifiers.ts'
import type { EquivocationProof } from '../log/equivocation.ts'
import type { FollowedLog } from '../log/followed-log.ts'
import type { Head, HeadCard } from '../log/head.ts'
import { LEAF_SLOT_BYTES, type ProjectTag } from '../log/leaf.ts'
import type { HeadAnswer, LeavesAnswer, LogBook } from '../log/log-book.ts'
import type { Origin } from '../log/origin.ts'
import type { SyncQuery, SyncRow } from './query.ts'

const STATEMENT_LEAF = 1
/** Of a log that is not here. */
const NO_ROOT = '00'.repeat(32)
/** Kind and sid stand before the tag in a slot. */
const TAG_AT = 33

/**
 * Whether this node keeps a log: `needs-card` where it would if its key is on the card of its operator,
 * which is not here. Anybody can write any operator's id into an origin.
 */
export type OriginStanding = 'wanted' | 'needs-card' | 'unwanted'

/** What is signed by a key of an operator, and says by which card: a head, or a proof. */
export interface SignedUnder {
  readonly origin: Origin
  readonly card: HeadCard
}

/** What the user wants of logs. */
export interface SyncWishes {
  query(): SyncQuery
  standing(origin: Origin): OriginStanding
  /**
   * The card to fetch next for a log that hangs on one: that which its head names, or of those before
   * it the first that is not here. Undefined where all are, and do not follow one another.
   */
  nextCard?(head: SignedUnder): Sid | undefined
}

/** What the book said, and the proof that it has only now. */
export interface Learned<Answer> {
  readonly answer: Answer
  readonly proof: EquivocationProof | undefined
}

export class SyncBook {
  readonly book: LogBook
  /** Origin -> the tags of its leaves, of so many of them. */
  readonly #tags = new Map<string, { size: number; readonly tags: Set<ProjectTag> }>()

  constructor(book: LogBook) {
    this.book = book
  }

  /**
   * The logs that match, in any order. A key that is proven to have forked its log, and of which no
   * log is here, has a row all the same: of no leaves and no time, so that the proof is asked for.
   */
  rows({ operators, keys, tags }: SyncQuery): SyncRow[] {
    const wanted = { operators: new Set(operators), keys: new Set(keys) }
    const isNamed = ({ operator, key }: Origin): boolean =>
      wanted.operators.has(operator) || wanted.keys.has(key)
    const kept = this.book
      .heads()
      .filter((head) => isNamed(head.origin) || this.#speaksOf(head, tags))
      .map((head) => this.#rowOf(head))
    const proven = this.book
      .proofs()
      .filter(({ origin }) => isNamed(origin) && !this.#keepsLogOf(origin))
      .map(({ origin }) => ({ origin, size: 0, root: NO_ROOT, time: 0, proven: true }))
    return [...kept, ...proven]
  }

  row(origin: Origin): SyncRow | undefined {
    const head = this.book.head(origin.text)
    return head === undefined ? undefined : this.#rowOf(head)
  }

  /** Whether a smaller log of this root is what the log here began with. */
  hasPrefix(origin: Origin, size: number, root: string): boolean {
    return this.#log(origin)?.tree.hasPrefix(size, root) ?? false
  }

  /** Statements of a log under some tags to ask for. It may be gone through while they come. */
  wantedBodies(origin: Origin, tags: ReadonlySet<ProjectTag>): Iterable<Sid> {
    const log = this.#log(origin)
    const missing = [...tags].some((tag) => (log?.missing(tag) ?? 0) > 0)
    return missing ? (log?.wantedSids(tags) ?? []) : []
  }

  isProven({ operator, key }: Origin): boolean {
    return this.book.proofAbout(operator, key) !== undefined
  }

  proofBytes({ operator, key }: Origin): Uint8Array | undefined {
    return this.book.proofAbout(operator, key)?.bytes
  }

  offerHead(head: Head, now: UnixSeconds): Learned<HeadAnswer> {
    return this.#learn(head.origin, () => this.book.offerHead(head, now))
  }

  addLeaves(from: number, slots: Uint8Array, head: Head): Learned<LeavesAnswer> {
    return this.#learn(head.origin, () => this.book.addLeaves(from, slots, head))
  }

  #learn<Answer>(origin: Origin, work: () => Answer): Learned<Answer> {
    const knew = this.isProven(origin)
    const answer = work()
    const proof = knew ? undefined : this.book.proofAbout(origin.operator, origin.key)
    return { answer, proof }
  }

  #log({ operator, key, text }: Origin): FollowedLog | undefined {
    return this.book.logsOf(operator, key).find(({ origin }) => origin.text === text)
  }

  #keepsLogOf({ operator, key }: Origin): boolean {
    return this.book.logsOf(operator, key).some(({ head }) => head !== undefined)
  }

  #rowOf({ origin, size, root, time }: Head): SyncRow {
    return { origin, size, root, time, proven: this.isProven(origin) }
  }

  #speaksOf({ origin, size }: Head, tags: readonly ProjectTag[]): boolean {
    if (tags.length === 0) return false
    const known = this.#tags.get(origin.text) ?? { size: 0, tags: new Set<ProjectTag>() }
    if (known.size < size) {
      const slots = this.book.entries(origin.text, known.size, size)
      for (let at = 0; at < slots.length; at += LEAF_SLOT_BYTES) {
        if (slots[at] !== STATEMENT_LEAF) continue
        known.tags.add(toHex(slots.subarray(at + TAG_AT, at + LEAF_SLOT_BYTES)))
      }
      known.size = size
      this.#tags.set(origin.text, known)
    }
    return tags.some((tag) => known.tags.has(tag))
  }
}
