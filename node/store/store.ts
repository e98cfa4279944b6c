/**
 * What a node keeps: statements and the records of its parts, in one LevelDB.
 *
 * Statements are the truth and certify themselves, indexes are derived from them. What was accepted
 * outlives a killed process and a full disk; what the disk changed is found when it is read.
 * Layout of the folder: `level/` (the database), `pid`, `sealed` (after a clean stop).
 */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Logger } from '../logger.ts'
import { BytesTable } from './bytes-table.ts'
import { Database, type Operation } from './database.ts'
import {
  defaultFreeSpaceLimits,
  measureFreeSpace,
  type FreeSpaceLimits,
  type MeasureFreeSpace,
} from './free-space.ts'
import { loadHolder, removeHolder, writeHolder } from './holder.ts'
import type { Ledger } from './ledger.ts'
import { RecordTable, type WriteOptions } from './record-table.ts'
import { checkFormat, recover, type Found, type Recovery } from './recovery.ts'
import { reindex, type ReindexReport } from './reindex.ts'
import { finishReplacement, replaceDatabase, type Replacement } from './replacement.ts'
import { findDamagedFiles, findDamagedJournals, hasLostItsName, tableBytes } from './scrub.ts'
import { writeSeal } from './seal.ts'
import { StatementTable, type OpenStatement } from './statement-table.ts'
import { isUnreadable, StoreError, toStoreError } from './store-error.ts'
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
  /** Table files of up to so many bytes are held against their checksums at each start. */
  readonly maxScrubBytes?: number
  /** Also where LevelDB cannot open it, what can be read is saved into a new database. */
  readonly saveUnreadable?: boolean
  /** Ends the saving of a damaged database. */
  readonly signal?: AbortSignal | undefined
}

const DEFAULT_MAX_SCRUB_BYTES = 64 * 1024 * 1024

export class Store {
  readonly statements: StatementTable
  readonly queue: RecordTable
  readonly alerts: RecordTable
  readonly deliveries: RecordTable
  readonly verdicts: RecordTable
  readonly meta: RecordTable
  /** Own results that are committed to, and not said yet. */
  readonly blind: RecordTable
  /** Cold builds whose result is not said yet. */
  readonly builds: RecordTable
  readonly watch: RecordTable
  /** What is known of everybody's logs. */
  readonly logs: BytesTable
  /** The log of this node's own key. */
  readonly ownLog: BytesTable
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
    this.blind = records('blind')
    this.builds = records('builds')
    this.watch = records('watch')
    this.logs = new BytesTable(database, 'logs')
    this.ownLog = new BytesTable(database, 'ownLog')
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
    const level = join(directory, 'level')
    const { crypto } = components
    const replace = async (): Promise<Replacement> => {
      if (await Database.isHeld(level)) throw await lockedError(init)
      try {
        return await replaceDatabase(level, { crypto, signal: init.signal })
      } catch (error) {
        throw toStoreError(error, directory)
      }
    }
    await finishReplacement(level)
    const isSmall = (await tableBytes(level)) <= (init.maxScrubBytes ?? DEFAULT_MAX_SCRUB_BYTES)
    const damagedFiles = isSmall
      ? [...(await findDamagedFiles(level)), ...(await findDamagedJournals(level))]
      : []
    // LevelDB is not let near a damaged file: it may end the process over it, or hide what is there.
    const replacement = damagedFiles.length > 0 ? await replace() : undefined
    try {
      return await Store.#openLevel(components, init, { damagedFiles, replacement })
    } catch (error) {
      const isSaved = replacement !== undefined || init.saveUnreadable !== true
      if (isSaved || !isUnreadable(error)) throw error
      const saved = { damagedFiles, replacement: await replace() }
      return Store.#openLevel(components, init, saved)
    }
  }

  static async #openLevel(
    components: StoreComponents,
    init: StoreInit,
    damage: Pick<Found, 'damagedFiles' | 'replacement'>,
  ): Promise<Store> {
    const { directory } = init
    const level = join(directory, 'level')
    if (await hasLostItsName(level)) {
      throw new StoreError(
        'corrupt',
        `${directory} is damaged (its database has lost the file CURRENT): "rebuildnet fsck --reindex" saves what can be read`,
      )
    }
    const database = await Database.open(level, () => lockedError(init))
    try {
      const age = await checkFormat(database, directory)
      const { ledger, recovery } = await recover(components, {
        ...{ directory, database, age },
        ...damage,
      })
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
    const { crypto, open } = this.#components
    let report: ReindexReport | undefined
    await this.#writer.exclusive(async (ledger) => {
      const done = await reindex({ database: this.#database, crypto, open }, ledger)
      report = done.report
      return done.ledger
    })
    this.statements.forgetRevisions()
    if (report === undefined) throw new Error('a repair ended without a report')
    return report
  }

  /** Files whose checksums do not hold; for a look now and then where the store is large. */
  async findDamagedFiles(signal?: AbortSignal): Promise<readonly string[]> {
    return findDamagedFiles(this.#database.directory, signal)
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
