/**
 * The asking side of one exchange, as steps: what does the peer have that is missing here?
 *
 * Rows of logs first, unless one digest says that they are the same; then heads, leaves under
 * them, and bodies of those leaves that are wanted. Nothing that the peer says is believed: heads
 * are signed, leaves give the root of their head, bodies hash to their sid and verify. The first
 * thing that does not ends the exchange as a lie, since a peer checks what it keeps. That a log is
 * forked is no lie of the peer that shows it.
 */
import type { Crypto } from '../crypto.ts'
import type { Sid, UnixSeconds } from '../identifiers.ts'
import { openProof, type EquivocationProof } from '../log/equivocation.ts'
import { openHead, type Head } from '../log/head.ts'
import { CARD_TAG, LEAF_SLOT_BYTES, type ProjectTag } from '../log/leaf.ts'
import { LogError } from '../log/log-error.ts'
import type { Origin } from '../log/origin.ts'
import type { SignedStatement } from '../statement.ts'
import { Conversation, OutOfRounds } from './conversation.ts'
import { fetchBodies } from './fetch-bodies.ts'
import { fetchLeaves, splitRanges } from './fetch-leaves.ts'
import { MAX_ENTRIES_PER_FRAME, MAX_ROWS } from './limits.ts'
import { digestOfRows, matchesQuery, sortRows, splitQuery } from './query.ts'
import type { SyncQuery, SyncRow } from './query.ts'
import type { LeafRange, QueryStart } from './requests.ts'
import type { ClientRun } from './steps.ts'
import type { SignedUnder, SyncBook, SyncWishes } from './sync-book.ts'
import { lie, malformed } from './sync-error.ts'
import { checkAscending, compareOrigins } from './wire.ts'

export interface ClientComponents {
  readonly crypto: Crypto
  readonly book: SyncBook
  readonly wishes: SyncWishes
  readonly now: () => UnixSeconds
  /** A statement that cannot be read here came: the book must not list it for a while. */
  readonly decline: (sid: Sid) => void
  /** Statements that are on their way in any exchange of this node: no two ask for the same. */
  readonly coming?: Set<Sid>
}

/** Filled in while the exchange runs. */
export interface SyncResult {
  /** Heads under which leaves came, and statements that came. */
  heads: number
  statements: number
  /** False where the rounds did not suffice, or only `gaps` were filled. */
  complete: boolean
  /** Something was left to another exchange that had asked for it, and whose peer may not have it. */
  shared?: boolean
}

/** Heads that another has signed, and whose leaves are missing here. */
interface Missing extends LeafRange {
  readonly head: Head
}

interface RowPage {
  readonly rows: readonly SyncRow[]
  /** Whether there are more. */
  readonly cut: boolean
}

/** Fills in `result`. With `gaps`, fetches what is missing under these heads and nothing else. */
export function* syncClient(
  components: ClientComponents,
  result: SyncResult,
  gaps: readonly Head[] = [],
): ClientRun {
  const client = new Client(components, result)
  try {
    if (gaps.length > 0) return yield* client.fill(gaps)
    for (const portion of splitQuery(components.wishes.query())) yield* client.compare(portion)
    result.complete = true
  } catch (error) {
    if (!(error instanceof OutOfRounds)) throw error
    yield { type: 'commit' }
  }
}

class Client {
  readonly #components: ClientComponents
  readonly #result: SyncResult
  readonly #conversation = new Conversation()
  readonly #coming: Set<Sid>
  /** What was asked for in this exchange, whether it came or not. */
  readonly #asked = new Set<Sid>()

  constructor(components: ClientComponents, result: SyncResult) {
    this.#components = components
    this.#result = result
    this.#coming = components.coming ?? new Set()
  }

  /** All that matches one query. */
  *compare(query: SyncQuery): ClientRun {
    const { book, crypto } = this.#components
    const digest = digestOfRows(sortRows(book.rows(query)), crypto)
    let start: QueryStart | undefined = { kind: 'digest', digest }
    for (let listed = 0; start !== undefined;) {
      yield* this.#conversation.ask({ type: 'query', start, query })
      const page: RowPage = yield* this.#rows(start)
      const { rows, cut } = page
      listed += rows.length
      if (listed > MAX_ROWS) throw malformed('more logs than a node keeps')
      for (const row of rows) {
        if (!matchesQuery(row.origin, query)) throw malformed('a log that was not asked for')
      }
      yield* this.#take(rows, query)
      const last: SyncRow | undefined = rows.at(-1)
      start = cut && last !== undefined ? { kind: 'after', origin: last.origin } : undefined
    }
    yield* this.#fetchBodies(book.rows(query))
  }

  /** What is missing under heads that came by another way. The peer has not said that it has it. */
  *fill(heads: readonly Head[]): ClientRun {
    yield* this.#offer(heads, undefined)
    const rows = heads.flatMap(({ origin }) => this.#components.book.row(origin) ?? [])
    yield* this.#fetchBodies(rows)
  }

  *#rows(start: QueryStart): ClientRun<RowPage> {
    const all: SyncRow[] = []
    for (let frames = 1; ; frames++) {
      const answer = yield* this.#conversation.frame('rows', 'same')
      if (answer.type === 'same') {
        // Only a whole answer can be the same, and then nothing else is said.
        if (start.kind !== 'digest' || frames > 1) throw malformed('"same" where it means nothing')
        return { rows: all, cut: false }
      }
      all.push(...answer.rows)
      if (answer.more === 1) continue
      if (answer.more === 2 && all.length === 0) throw malformed('an empty answer that goes on')
      const first = start.kind === 'after' ? [start] : []
      checkAscending([...first, ...all], (a, b) => compareOrigins(a.origin, b.origin))
      return { rows: all, cut: answer.more === 2 }
    }
  }

  /** Fetches what these rows show to be missing here, newest first. */
  *#take(rows: readonly SyncRow[], query: SyncQuery): ClientRun {
    const { book, wishes } = this.#components
    const wanted = rows.filter(({ origin }) => wishes.standing(origin) !== 'unwanted')
    const proven = wanted.filter((row) => row.proven && !book.isProven(row.origin))
    for (const batch of inBatches(proven)) yield* this.#proofs(batch.map(({ origin }) => origin))
    const news = wanted.filter((row) => this.#isNews(row)).sort((a, b) => b.time - a.time)
    for (const batch of inBatches(news)) {
      const heads = yield* this.#heads(batch)
      yield* this.#offer(heads, query)
    }
  }

  /** Whether a row says more than is here, or what cannot be true together with it. */
  #isNews(row: SyncRow): boolean {
    const { book } = this.#components
    const own = book.row(row.origin)
    if (own === undefined || row.size > own.size) return true
    if (row.size < own.size) {
      return !own.proven && !book.hasPrefix(row.origin, row.size, row.root)
    }
    return row.root === own.root ? row.time > own.time : !own.proven
  }

  *#heads(rows: readonly SyncRow[]): ClientRun<Head[]> {
    const { crypto } = this.#components
    const claims = new Map(rows.map((row) => [row.origin.text, row]))
    const heads: Head[] = []
    for (let cut = true; cut && claims.size > 0;) {
      const origins = [...claims.values()].map(({ origin }) => origin)
      yield* this.#conversation.ask({ type: 'heads', origins })
      cut = yield* this.#conversation.frames('heads', function* ({ items }) {
        for (const item of items) {
          const head = blaming(() => openHead(item, crypto))
          if (head === undefined) continue
          const claim = claims.get(head.origin.text)
          if (claim === undefined) throw lie('a head that was not asked for')
          if (head.size < claim.size || head.time < claim.time) {
            throw lie(`a log of ${claim.size} leaves whose head has ${head.size}`)
          }
          claims.delete(head.origin.text)
          heads.push(head)
        }
        yield { type: 'pause' }
        return items.length
      })
    }
    return heads
  }

  /** What a peer has and does not give here comes in another exchange, or from another peer. */
  *#proofs(origins: readonly Origin[]): ClientRun {
    const { book, crypto } = this.#components
    const keys = new Set(origins.map(({ key }) => key))
    const came: EquivocationProof[] = []
    yield* this.#conversation.ask({ type: 'proofs', origins })
    yield* this.#conversation.frames('proofs', ({ items }) => {
      for (const item of items) {
        const proof = blaming(() => openProof(item.slice(), crypto))
        if (proof === undefined) continue
        // It shows in one log and speaks of the key of all.
        if (!keys.has(proof.key)) throw lie('a proof that was not asked for')
        came.push(proof)
      }
      return items.length
    })
    // A peer that has proof may keep no head that names the card without which nobody is to be blamed.
    yield* this.#fetchCards(came)
    const found = came.filter((proof) => book.book.addProof(proof))
    yield { type: 'commit' }
    for (const proof of found) yield { type: 'proven', proof }
  }

  /** Offers heads to the book and fetches the leaves that it needs. */
  *#offer(heads: readonly Head[], query: SyncQuery | undefined): ClientRun {
    const { book, now } = this.#components
    const missing: Missing[] = []
    for (const head of yield* this.#admit(heads)) {
      const { answer, proof } = book.offerHead(head, now())
      if (proof !== undefined) yield { type: 'proven', proof }
      if (answer.kind !== 'needs-leaves') continue
      missing.push({ head, origin: head.origin, from: answer.from, to: answer.to })
    }
    const again = yield* this.#leaves(missing, query)
    yield* this.#leaves(again, query)
    yield { type: 'commit' }
  }

  /** Heads of logs that are kept here. For those of keys on no known card, the card is fetched first. */
  *#admit(heads: readonly Head[]): ClientRun<Head[]> {
    yield* this.#fetchCards(heads)
    return heads.filter(({ origin }) => this.#components.wishes.standing(origin) === 'wanted')
  }

  /** For what keys on no known card have signed. */
  *#fetchCards(signed: readonly SignedUnder[]): ClientRun {
    const { wishes } = this.#components
    // A card counts only with those before it: they come one by one, each naming the one before.
    const asked = new Set<Sid>()
    for (;;) {
      const cards = new Map<Sid, Origin>()
      for (const each of signed) {
        if (wishes.standing(each.origin) !== 'needs-card') continue
        const sid = wishes.nextCard === undefined ? each.card.sid : wishes.nextCard(each)
        if (sid !== undefined && !asked.has(sid)) cards.set(sid, each.origin)
      }
      if (cards.size === 0) break
      for (const sid of cards.keys()) asked.add(sid)
      yield* this.#bodies(inBatches(cards.keys()), {
        fits: ({ sid, body }) =>
          body.kind === 'operator' && body.operator === cards.get(sid)?.operator,
      })
    }
  }

  /**
   * Fetches leaves and adds them. Returns what is to be fetched from its beginning, since it does not
   * go on where the own log ends. With `query`, the peer has said that it has them.
   */
  *#leaves(missing: readonly Missing[], query: SyncQuery | undefined): ClientRun<Missing[]> {
    const { book } = this.#components
    const again: Missing[] = []
    for (const portion of splitRanges(missing)) {
      const slotsOf = yield* fetchLeaves(portion, this.#conversation)
      for (const range of portion) {
        const { head, origin, from, to } = range
        const slots = slotsOf.get(origin.text) ?? new Uint8Array()
        if (slots.length < (to - from) * LEAF_SLOT_BYTES) {
          if (query !== undefined) throw lie(`a log of ${to} leaves that it does not have`)
          continue
        }
        const had = book.row(origin)?.size ?? 0
        const { answer, proof } = book.addLeaves(from, slots, head)
        if (proof !== undefined) yield { type: 'proven', proof }
        if ((book.row(origin)?.size ?? 0) > had) {
          this.#result.heads++
        } else if (answer.kind === 'restart') {
          // Either this node was shown another history, or the peer lies: the whole log tells which.
          if (!book.isProven(origin)) again.push({ ...range, from: 0 })
        } else if (answer.kind === 'wrong-leaves' && query !== undefined) {
          throw lie('leaves that are not those of their head')
        }
      }
      yield { type: 'commit' }
      yield { type: 'pause' }
    }
    return again
  }

  /** Bodies that are missing in these logs: cards first, then by the age of the head. */
  *#fetchBodies(rows: readonly SyncRow[]): ClientRun {
    const held = new Set<Sid>()
    try {
      yield* this.#bodies(inBatches(this.#missingIn(rows, held)), {
        lacks: (sid) => {
          held.delete(sid)
          this.#coming.delete(sid)
        },
      })
    } finally {
      for (const sid of held) this.#coming.delete(sid)
    }
  }

  /** What is missing in these logs and nobody has asked for; from now on it is `held` to be coming. */
  *#missingIn(rows: readonly SyncRow[], held: Set<Sid>): Generator<Sid> {
    const { book, wishes } = this.#components
    const coming = this.#coming
    const newest = [...rows].sort((a, b) => b.time - a.time)
    const projects: ReadonlySet<ProjectTag> = new Set(wishes.query().tags)
    for (const tags of [new Set([CARD_TAG]), projects]) {
      for (const { origin } of newest) {
        const standing = wishes.standing(origin)
        // The card of a log that is here may have been lost since: it is in the log itself.
        if (standing === 'unwanted' || (standing === 'needs-card' && tags === projects)) continue
        for (const sid of book.wantedBodies(origin, tags)) {
          if (this.#asked.has(sid)) continue
          if (coming.has(sid)) {
            this.#result.shared = true
            continue
          }
          this.#asked.add(sid)
          coming.add(sid)
          held.add(sid)
          yield sid
        }
      }
    }
  }

  /** Takes what comes; with `fits`, only what it says yes to. All of it is stored when this ends. */
  *#bodies(
    batches: Iterable<readonly Sid[]>,
    {
      fits = () => true,
      lacks,
    }: {
      readonly fits?: (statement: SignedStatement) => boolean
      readonly lacks?: (sid: Sid) => void
    } = {},
  ): ClientRun {
    const { crypto, decline } = this.#components
    const result = this.#result
    yield* fetchBodies(batches, {
      crypto,
      conversation: this.#conversation,
      decline,
      ...(lacks === undefined ? {} : { lacks }),
      take: function* (opened) {
        const statements = opened.filter(({ statement }) => fits(statement))
        if (statements.length > 0) yield { type: 'take', statements }
        result.statements += statements.length
      },
    })
  }
}

/** What opens is given; what is wrong for ever is a lie of the peer; undefined where a later version may read it. */
function blaming<T>(open: () => T): T | undefined {
  try {
    return open()
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    if (error.disposition === 'ignore') return undefined
    throw lie(`what is none (${error.code})`, error)
  }
}

/** As many as one request may name; each batch is made when it is asked for. */
function* inBatches<T>(list: Iterable<T>): Generator<T[]> {
  let batch: T[] = []
  for (const each of list) {
    batch.push(each)
    if (batch.length < MAX_ENTRIES_PER_FRAME) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
