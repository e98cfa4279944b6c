/**
 * What a node keeps: statements and the records of its parts, in one LevelDB.
 *
 * Statements are the truth and certify themselves, indexes are derived from them. What was accepted
 * outlives a killed process and a full disk; what the disk changed is found when it is read.
 * Layout of the folder: `level/` (the database), `pid`, `sealed` (after a clean stop). design.md
 * section 3; security.md section 4.
 */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Logger } from '../logger.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import { Database, type Operation } from './database.ts'
import {
  defaultFreeSpaceLimits,
  measureFreeSpace,
  type FreeSpaceLimits,
  type MeasureFreeSpace,
} from './free-space.ts'
import { loadHolder, removeHolder, writeHolder } from './holder.ts'
import { keyIn, STORE_FORMAT } from './keys.ts'
import { emptyLedger, findMiscounts, ledgerOperation, loadLedger, type Ledger } from './ledger.ts'
import { RecordTable, type WriteOptions } from './record-table.ts'
import { reindex, type ReindexReport } from './reindex.ts'
import { breakSeal, loadSeal, writeSeal } from './seal.ts'
import { StatementTable, type OpenStatement } from './statement-table.ts'
import { StoreError, toStoreError } from './store-error.ts'
import { Writer } from './writer.ts'

export interface StoreComponents {
  readonly open: OpenStatement
  readonly crypto: Crypto
  readonly logger: Logger
  /** The system's, where absent. */
  readonly freeSpace?: MeasureFreeSpace
}

export interface StoreInit {
  readonly directory: string
  /** What `--data` named, for messages; the directory itself where absent. */
  readonly dataFolder?: string
  readonly freeSpaceLimits?: Partial<FreeSpaceLimits>
}

/** What was found when the store was opened. */
export interface Recovery {
  /** It was not closed in order: peers may hold what this node has lost. */
  readonly uncleanStop: boolean
  /** The repair that the counts asked for. */
  readonly reindexed?: ReindexReport
}

const FORMAT_KEY = keyIn('system', utf8('format'))

export class Store {
  readonly statements: StatementTable
  readonly queue: RecordTable
  readonly alerts: RecordTable
  readonly deliveries: RecordTable
  readonly verdicts: RecordTable
  readonly meta: RecordTable
  readonly recovery: Recovery
  readonly #directory: string
  readonly #components: StoreComponents
  readonly #database: Database
  readonly #writer: Writer

  private constructor(
    components: StoreComponents,
    init: StoreInit,
    opened: { readonly database: Database; readonly ledger: Ledger; readonly recovery: Recovery },
  ) {
    const { database, ledger, recovery } = opened
    const { open, crypto, logger, freeSpace = measureFreeSpace } = components
    const limits = { ...defaultFreeSpaceLimits, ...init.freeSpaceLimits }
    const writer = new Writer({ database, logger, freeSpace }, ledger, limits)
    this.#directory = init.directory
    this.#components = components
    this.#database = database
    this.#writer = writer
    this.recovery = recovery
    this.statements = new StatementTable({ database, writer, open, crypto })
    const records = (table: ConstructorParameters<typeof RecordTable>[1]): RecordTable =>
      new RecordTable({ database, writer }, table, (value) => value)
    this.queue = records('queue')
    this.alerts = records('alerts')
    this.deliveries = records('deliveries')
    this.verdicts = records('verdicts')
    this.meta = records('meta')
  }

  /** Opens or makes the store; throws StoreError where that cannot be. */
  static async open(components: StoreComponents, init: StoreInit): Promise<Store> {
    const { directory } = init
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await chmod(directory, 0o700)
    } catch (error) {
      throw toStoreError(error, directory)
    }
    const database = await Database.open(join(directory, 'level'), () => lockedError(init))
    try {
      const isNew = await checkFormat(database, directory)
      const { ledger, recovery } = await recover(components, { directory, database, isNew })
      await writeHolder(directory)
      const store = new Store(components, init, { database, ledger, recovery })
      await store.#writer.checkSpace()
      return store
    } catch (error) {
      await database.close()
      throw toStoreError(error, directory)
    }
  }

  /** Whether the last stop was not in order: sync before the first `allow`. */
  get uncleanStop(): boolean {
    return this.recovery.uncleanStop
  }

  /** Why nothing is taken in; undefined where it is. */
  get readOnlyReason(): string | undefined {
    return this.#writer.refusal?.message
  }

  get readOnly(): boolean {
    return this.readOnlyReason !== undefined
  }

  /** Measures the free space now; each write does so too. */
  async checkSpace(): Promise<void> {
    await this.#writer.checkSpace()
  }

  /** All of these record changes or none: what `putting` and `deleting` of the tables return. */
  async write(changes: readonly Operation[], options: WriteOptions = {}): Promise<void> {
    await this.#writer.submit((operations, ledger) => {
      operations.push(...changes)
      return ledger
    }, options.sync ?? false)
  }

  /** Makes the indexes anew and sets aside what is damaged. Reading goes on, writing waits. */
  async reindex(): Promise<ReindexReport> {
    const { crypto } = this.#components
    let report: ReindexReport | undefined
    await this.#writer.exclusive(async (ledger) => {
      const done = await reindex({ database: this.#database, crypto }, ledger)
      report = done.report
      return done.ledger
    })
    if (report === undefined) throw new Error('a repair ended without a report')
    return report
  }

  /** Ends what is being written and lets go of the folder. */
  async close(): Promise<void> {
    await this.#writer.close()
    await this.#database.close()
    try {
      const { failed, ledger } = this.#writer
      if (!failed) await writeSeal(this.#directory, { writes: ledger.writes })
      await removeHolder(this.#directory)
    } catch (error) {
      // Without a seal the next start counts everything, which is all that is lost.
      this.#components.logger.warn(
        { error: String(error) },
        'the store was closed without its seal',
      )
    }
  }
}

async function lockedError(init: StoreInit): Promise<StoreError> {
  const pid = await loadHolder(init.directory)
  const who = pid === undefined ? '' : ` (pid ${pid})`
  const folder = init.dataFolder ?? init.directory
  return new StoreError(
    'locked',
    `another node holds ${folder} open${who}: stop it or choose another with --data`,
  )
}

/** True where the database was made just now. */
async function checkFormat(database: Database, directory: string): Promise<boolean> {
  const value = await database.get(FORMAT_KEY)
  if (value === undefined) {
    const everything = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }
    const [some] = await database.entries(everything, { limit: 1 })
    if (some !== undefined) throw noStore(directory)
    const encoded = encodeChecked(FORMAT_KEY, utf8(JSON.stringify(STORE_FORMAT)))
    const format: Operation = { type: 'put', key: FORMAT_KEY, value: encoded }
    await database.write([format, ledgerOperation(emptyLedger)], true)
    return true
  }
  const payload = parseChecked(FORMAT_KEY, value)
  if (payload === undefined) throw noStore(directory)
  const format: unknown = JSON.parse(decodeUtf8(payload) ?? 'null')
  if (typeof format !== 'number') throw noStore(directory)
  if (format <= STORE_FORMAT) return false
  throw new StoreError(
    'newer-format',
    `${directory} was written by a newer rebuildnet (store format ${format}, this one reads ${STORE_FORMAT}): update rebuildnet`,
  )
}

function noStore(directory: string): StoreError {
  return new StoreError(
    'corrupt',
    `${directory} has no readable format number: it is damaged or no store; move it away to begin a new one`,
  )
}

/** Tells whether the last stop was clean, and repairs the indexes where their counts are wrong. */
async function recover(
  { crypto, logger }: StoreComponents,
  at: { readonly directory: string; readonly database: Database; readonly isNew: boolean },
): Promise<{ readonly ledger: Ledger; readonly recovery: Recovery }> {
  const { directory, database, isNew } = at
  const seal = await loadSeal(directory)
  const wasHeld = (await loadHolder(directory)) !== undefined
  await breakSeal(directory)
  const ledger = await loadLedger(database)
  const droppedBytes = await database.droppedBytes()
  // Where the whole journal is lost the database looks new; what stands beside it knows better.
  const wasUsed = seal !== undefined || wasHeld
  const uncleanStop =
    droppedBytes > 0 || (isNew ? wasUsed : seal === undefined || seal.writes !== ledger?.writes)
  if (!uncleanStop) return { ledger: ledger ?? emptyLedger, recovery: { uncleanStop } }
  if (droppedBytes > 0) {
    logger.error({ droppedBytes }, 'the journal of the store was damaged: peers send what it lost')
  }
  const miscounts = ledger === undefined ? ['ledger'] : await findMiscounts(database, ledger)
  if (ledger !== undefined && miscounts.length === 0) return { ledger, recovery: { uncleanStop } }
  const repaired = await reindex({ database, crypto }, ledger)
  logger.warn({ miscounts, ...repaired.report }, 'the store was repaired after an unclean stop')
  return { ledger: repaired.ledger, recovery: { uncleanStop, reindexed: repaired.report } }
}
