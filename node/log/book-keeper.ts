/**
 * Keeps the log book: on the disk, in step with the statements that are stored, and held heads until
 * their time comes.
 *
 * The network works on the book itself, at once; what has changed is written behind it. A crash in
 * between loses nothing that a peer does not give again.
 */
import { randomBytes } from 'node:crypto'
import type { Crypto } from '../../protocol/crypto.ts'
import type { KeyHex, OperatorId, Sid } from '../../protocol/identifiers.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Head } from '../../protocol/log/head.ts'
import { LEAF_SLOT_BYTES as LEAF_SLOT, parseLeaf } from '../../protocol/log/leaf.ts'
import type { LogBook } from '../../protocol/log/log-book.ts'
import type { LogRecord } from '../../protocol/log/log-records.ts'
import type { Origin } from '../../protocol/log/origin.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { unixSeconds, type Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { RecordChange } from '../record-change.ts'
import { WatchedBook } from './watched-book.ts'

/** How often held heads are looked at. */
const HELD_INTERVAL_MS = 60_000

interface BookStore {
  readonly logs: {
    scan(): AsyncIterable<LogRecord>
    putting(name: Uint8Array, value: Uint8Array): RecordChange
  }
  readonly statements: {
    /** Those that are stored, in the same order. */
    present(
      sids: readonly Sid[],
    ): Promise<readonly { readonly statement: SignedStatement; readonly bytes: Uint8Array }[]>
  }
  write(changes: readonly RecordChange[]): Promise<void>
}

export interface BookKeeperComponents {
  readonly store: BookStore
  readonly crypto: Crypto
  /** The clock itself: heads that are ahead of it are held. */
  readonly clock: Clock
  readonly logger: Logger
  readonly wants: (origin: Origin) => boolean
  /** Called at once with whatever changes in the book: what was read from it before is out of date. */
  readonly changed: () => void
  /** A head came under a key; own ones are of interest to the own log. */
  readonly heard: (head: Head) => void
  /** The logs of this operator say more, or are fresher; `logged` have come under a head. */
  readonly moved: (operator: OperatorId, logged: readonly SignedStatement[]) => void
  readonly proven: (proof: EquivocationProof) => void
}

export class BookKeeper {
  readonly book: LogBook
  readonly #components: BookKeeperComponents
  readonly #told = new Set<string>()
  #flushing: Promise<void> | undefined
  #work: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(components: BookKeeperComponents) {
    const { crypto, wants } = components
    this.#components = components
    this.book = new WatchedBook(
      { crypto, wants, secret: randomBytes(16) },
      {
        heard: (head) => {
          components.changed()
          this.#flushSoon()
          components.heard(head)
        },
        moved: (head, from, to) => this.#moved(head, from, to),
        proven: (proof) => this.#proven(proof),
        lost: () => {
          components.changed()
          this.#flushSoon()
        },
      },
    )
  }

  /**
   * Reads what was written down. With `recheck` each statement that is said to be here is looked for:
   * after a stop that was not in order.
   */
  async load(options: { readonly recheck: boolean }): Promise<void> {
    const { store, logger } = this.#components
    const records: LogRecord[] = []
    for await (const record of store.logs.scan()) records.push(record)
    for (const { of, why } of this.book.restore(records)) {
      logger.warn({ log: of, why }, 'a log was damaged: it comes again from peers')
    }
    for (const { id, operator, key } of this.book.proofs()) {
      this.#told.add(id)
      // What another key has signed is here already, and the book does not remember that it is.
      for (const { origin } of this.book.logsOf(operator, key)) {
        await this.#findBodies(this.book.missingBodies(origin.text))
      }
    }
    if (options.recheck) {
      for (const { origin, size } of this.book.heads()) {
        await this.#forgetLost(origin, size)
        await this.#findBodies(this.book.missingBodies(origin.text))
      }
    }
    await this.flush()
  }

  start(): void {
    this.#timer = setInterval(() => this.releaseHeld(), HELD_INTERVAL_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.idle()
  }

  /** Resolves when everything that changed is told and written. */
  async idle(): Promise<void> {
    await this.#work
    await this.flush()
  }

  /** A verified statement is stored. */
  stored(statement: SignedStatement, bytes: Uint8Array): void {
    this.book.bodyArrived(statement, bytes)
    this.#components.changed()
    this.#flushSoon()
  }

  /** Looks again at heads whose time has come. */
  releaseHeld(): void {
    const now = unixSeconds(this.#components.clock)
    for (const head of this.book.releaseHeld(now)) this.book.offerHead(head, now)
  }

  /** Heads under one key, whether their leaves are here or not: for its owner. */
  headsUnder(operator: OperatorId, key: KeyHex): readonly Head[] {
    const all = [...this.book.heads(), ...this.book.held(), ...this.book.gaps().map((g) => g.head)]
    return all.filter(({ origin }) => origin.operator === operator && origin.key === key)
  }

  /** Takes an own head with the leaves that it covers. */
  takeOwn(head: Head, slots: (from: number, to: number) => Uint8Array): void {
    const answer = this.book.offerHead(head, head.time)
    if (answer.kind !== 'needs-leaves') return
    this.book.addLeaves(answer.from, slots(answer.from, answer.to), head)
  }

  /** Writes down what has changed. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    this.#flushing = this.#flush().finally(() => (this.#flushing = undefined))
    await this.#flushing
  }

  async #flush(): Promise<void> {
    const { store, logger } = this.#components
    const records = this.book.takeRecords()
    if (records.length === 0) return
    try {
      await store.write(records.map(({ name, value }) => store.logs.putting(name, value)))
    } catch (error) {
      this.book.giveBack(records)
      logger.warn({ error: String(error) }, 'the log book was not written; it is tried again')
    }
  }

  #scheduled = false

  #flushSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      void this.flush()
    })
  }

  #moved({ origin }: Head, from: number, to: number): void {
    this.#components.changed()
    this.#flushSoon()
    this.#work = this.#work
      .then(async () => {
        const logged = await this.#findBodies(this.#sidsOf(origin, from, to))
        this.#components.moved(origin.operator, logged)
      })
      .catch((error: unknown) =>
        this.#components.logger.error({ error: String(error) }, 'a log was not taken up'),
      )
  }

  #proven(proof: EquivocationProof): void {
    this.#components.changed()
    this.#flushSoon()
    if (this.#told.has(proof.id)) return
    this.#told.add(proof.id)
    this.#components.proven(proof)
  }

  /** Tells the book of statements that came before their leaves; returns them. */
  async #findBodies(sids: Iterable<Sid>): Promise<readonly SignedStatement[]> {
    const found = await this.#components.store.statements.present([...sids])
    for (const { statement, bytes } of found) this.book.bodyArrived(statement, bytes)
    this.#components.changed()
    return found.map(({ statement }) => statement)
  }

  async #forgetLost(origin: Origin, size: number): Promise<void> {
    const missing = new Set(this.book.missingBodies(origin.text))
    const listed = [...this.#sidsOf(origin, 0, size)].filter((sid) => !missing.has(sid))
    const found = await this.#components.store.statements.present(listed)
    const here = new Set(found.map(({ statement }) => statement.sid))
    for (const sid of listed) if (!here.has(sid)) this.book.bodyLost(sid)
  }

  *#sidsOf({ text }: Origin, from: number, to: number): Generator<Sid> {
    const slots = this.book.entries(text, from, to)
    for (let at = 0; at < slots.length; at += LEAF_SLOT) {
      const leaf = parseLeaf(slots.subarray(at, at + LEAF_SLOT))
      if (leaf.kind === 'statement') yield leaf.sid
    }
  }
}
