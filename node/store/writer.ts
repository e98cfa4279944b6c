/**
 * The one way into the database: changes take their turn, and those that wait together are written
 * together, each still whole or not at all.
 *
 * Too little free space refuses a change and nothing else; the store takes in again when there is
 * room. A write that *failed* ends writing until the store is opened anew: LevelDB's journal may
 * end in half a record then, and what is written behind that could be lost at the next start.
 */
import type { Logger } from '../logger.ts'
import type { Database, Operation } from './database.ts'
import { neededBytes, type FreeSpaceLimits, type MeasureFreeSpace } from './free-space.ts'
import { ledgerOperation, type Ledger } from './ledger.ts'
import { StoreError } from './store-error.ts'

/** Adds its operations, and returns the ledger as it is with them. Called when its turn comes. */
export type Change = (operations: Operation[], ledger: Ledger) => Ledger

export interface WriterComponents {
  readonly database: Database
  readonly freeSpace: MeasureFreeSpace
  readonly logger: Logger
}

const MAX_GROUP_CHANGES = 512
const MIB = 1024 * 1024

interface Waiting {
  readonly change: Change
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Writer {
  readonly #components: WriterComponents
  readonly #limits: FreeSpaceLimits
  #ledger: Ledger
  #waiting: Waiting[] = []
  /** Ends when everything that was submitted has been answered. */
  #turn: Promise<void> = Promise.resolve()
  #draining = false
  #closed = false
  #failure: StoreError | undefined
  #shortage: StoreError | undefined

  constructor(components: WriterComponents, ledger: Ledger, limits: FreeSpaceLimits) {
    this.#components = components
    this.#ledger = ledger
    this.#limits = limits
  }

  /** As it stands on the disk. */
  get ledger(): Ledger {
    return this.#ledger
  }

  /** Why nothing is taken in, where that is so. */
  get refusal(): StoreError | undefined {
    return this.#failure ?? this.#shortage
  }

  /** Whether a write has failed, so that nothing may be written until the next opening. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Resolves when the change is written; with `sync`, when it is on the disk. */
  submit(change: Change, sync: boolean): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError())
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, sync, resolve, reject })
    })
    if (!this.#draining) {
      this.#draining = true
      this.#turn = this.#turn.then(() => this.#drain())
    }
    return done
  }

  /** Does `work` while no change is written; it may write itself and returns the new ledger. */
  exclusive(work: (ledger: Ledger) => Promise<Ledger>): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError())
    const done = this.#turn.then(async () => {
      if (this.#failure !== undefined) throw this.#failure
      try {
        this.#ledger = await work(this.#ledger)
      } catch (error) {
        throw this.#fail(error)
      }
    })
    this.#turn = done.catch(() => undefined)
    return done
  }

  async checkSpace(): Promise<void> {
    const { database, freeSpace, logger } = this.#components
    const space = await freeSpace(database.directory)
    const needed = neededBytes(this.#limits, space)
    if (space.freeBytes >= needed) {
      if (this.#shortage !== undefined) logger.info({}, 'there is room again: taking in')
      this.#shortage = undefined
      return
    }
    const [free, need] = [space.freeBytes, needed].map((bytes) => Math.floor(bytes / MIB))
    const shortage = new StoreError(
      'read-only',
      `only ${free ?? 0} MiB are free on the disk of ${database.directory}: nothing is taken in, and questions are answered, until ${need ?? 0} MiB are`,
    )
    if (this.#shortage === undefined) logger.error({ ...space }, shortage.message)
    this.#shortage = shortage
  }

  /** Writes what was submitted before, and refuses what comes after. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#turn
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP_CHANGES)
      try {
        await this.#write(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#draining = false
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await this.checkSpace()
    if (this.#shortage !== undefined) throw this.#shortage
    const operations: Operation[] = []
    let ledger = this.#ledger
    for (const { change } of group) ledger = change(operations, ledger)
    ledger = { ...ledger, writes: ledger.writes + 1 }
    operations.push(ledgerOperation(ledger))
    try {
      await this.#components.database.write(
        operations,
        group.some(({ sync }) => sync),
      )
    } catch (error) {
      throw this.#fail(error)
    }
    this.#ledger = ledger
  }

  #closedError(): StoreError {
    const { directory } = this.#components.database
    return new StoreError('closed', `the store in ${directory} has been closed`)
  }

  /** The error for whoever wrote; whoever comes later is told that the store is read-only. */
  #fail(error: unknown): unknown {
    const { database, logger } = this.#components
    const reason = error instanceof Error ? error.message : String(error)
    logger.error({ reason }, 'a write failed: the store is read-only until it is opened again')
    const isFull = error instanceof StoreError && error.code === 'disk-full'
    const why = isFull
      ? `the disk of ${database.directory} was full when something was to be written: nothing is taken in until there is room and the node is started again`
      : `a write to ${database.directory} failed, and not for want of room (${reason}): nothing is taken in until the disk was looked at and the node is started again`
    this.#failure = new StoreError('read-only', why, { cause: error })
    return error
  }
}
