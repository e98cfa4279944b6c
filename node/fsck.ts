/**
 * Looks over the store of a data folder that no node has open, and mends it.
 *
 * Statements certify themselves: each is opened anew, its signature included. What is damaged is
 * set aside, never deleted, and peers send it again; until one has, nothing is allowed. A database
 * whose files are damaged is not opened at all: what can be read of it is saved into a new one.
 */
import { openStatement } from '../protocol/open-statement.ts'
import type { Sid } from '../protocol/identifiers.ts'
import { LogBook } from '../protocol/log/log-book.ts'
import { OwnLog, type OwnLogInit, type OwnLogRecord } from '../protocol/log/own-log.ts'
import { ConfigError } from './config-error.ts'
import { nodeCrypto } from './crypto/node-crypto.ts'
import { KeyError, loadSigningKey } from './crypto/signing-key.ts'
import { openDataFolder, type DataFolder } from './data-folder.ts'
import { createLogger } from './logger.ts'
import { loadOwnCard } from './operator-identity.ts'
import { examine, examineUnreadable, type Examination } from './store/examination.ts'
import { isUnreadable, StoreError } from './store/store-error.ts'
import { Store } from './store/store.ts'
import { markUnsynced } from './unsynced.ts'

export interface FsckReport {
  readonly store: string
  /** Statements that are whole. */
  readonly statements: number
  /** Statements that are not; set aside where `mended`. */
  readonly damaged: readonly Sid[]
  /** How many statements fewer there are than the store had counted; null where it cannot tell. */
  readonly lost: number | null
  /** Records of the queue, alerts and the like; as the statements. */
  readonly damagedRecords: readonly string[]
  /** Logs whose records are not whole, and why: others come again from peers, the own one is closed. */
  readonly damagedLogs: readonly string[]
  /** Files of the database whose checksums do not hold. */
  readonly damagedFiles: readonly string[]
  /** Why the database could not be opened; null where it could, or was not for its damaged files. */
  readonly unreadable: string | null
  /** Where the damaged database is kept, once what could be read was saved into a new one. */
  readonly kept: string | null
  /** Index entries that were missing, and that nothing justified. */
  readonly added: number
  readonly removed: number
  readonly uncleanStop: boolean
  /** Whether the indexes were made anew and what is damaged was set aside. */
  readonly mended: boolean
}

export async function checkStore(
  root: string,
  options: { readonly reindex: boolean; readonly signal?: AbortSignal },
): Promise<FsckReport> {
  const folder = await openDataFolder(root)
  const examined = options.reindex
    ? undefined
    : await examine(folder.store, { crypto: nodeCrypto, signal: options.signal })
  // Nothing is opened that LevelDB might fail at, or change by opening it.
  if (examined !== undefined) return reportDamage(folder, examined, null)
  let store: Store
  try {
    store = await openStoreForRepair(folder, options)
  } catch (error) {
    if (options.reindex || !isUnreadable(error)) throw error
    const found = await examineUnreadable(folder.store, [], { crypto: nodeCrypto })
    return reportDamage(folder, found, error.message)
  }
  try {
    // Opening it repairs what the counts give away.
    const { damagedFiles, uncleanStop, reindexed, replacement } = store.recovery
    const found = await store.statements.findDamaged(options.signal)
    const mending = options.reindex ? await store.reindex() : undefined
    const lists = [replacement?.damaged, reindexed?.damaged, found]
    const damaged = [...new Set(lists.flatMap((list) => list ?? []))]
    const damagedLogs = await findDamagedLogs(store, await ownKey(folder))
    if (uncleanStop || damaged.length > 0) await markUnsynced(store)
    return {
      store: folder.store,
      statements: mending?.statements ?? store.statements.count() - found.length,
      damaged,
      lost: replacement === undefined ? 0 : (replacement.lost ?? null),
      damagedRecords: [...(reindexed?.damagedRecords ?? []), ...(mending?.damagedRecords ?? [])],
      damagedLogs,
      damagedFiles,
      unreadable: null,
      kept: replacement?.kept ?? null,
      // Of a new database all indexes are new: that is no finding.
      added: (replacement === undefined ? (reindexed?.added ?? 0) : 0) + (mending?.added ?? 0),
      removed: (reindexed?.removed ?? 0) + (mending?.removed ?? 0),
      uncleanStop,
      mended: mending !== undefined || (reindexed !== undefined && found.length === 0),
    }
  } finally {
    await store.close()
  }
}

/** Throws StoreError `locked` where a node has it open. */
export function openStoreForRepair(
  folder: DataFolder,
  { reindex, signal }: { readonly reindex: boolean; readonly signal?: AbortSignal },
): Promise<Store> {
  return Store.open(
    {
      open: (bytes) => openStatement(bytes, nodeCrypto),
      crypto: nodeCrypto,
      logger: createLogger('silent'),
    },
    {
      directory: folder.store,
      dataFolder: folder.root,
      // To mend takes little room, and a full disk is no reason to leave it damaged.
      freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 },
      maxScrubBytes: Number.POSITIVE_INFINITY,
      saveUnreadable: reindex,
      signal,
    },
  )
}

/** What is wrong with a store that was not opened for it. */
function reportDamage(
  folder: DataFolder,
  { damagedFiles, statements, damaged, lost }: Examination,
  unreadable: string | null,
): FsckReport {
  return {
    store: folder.store,
    ...{ statements, damaged, damagedFiles, unreadable },
    lost: lost ?? null,
    ...{ damagedRecords: [], damagedLogs: [], kept: null, added: 0, removed: 0 },
    ...{ uncleanStop: false, mended: false },
  }
}

export function isClean(report: FsckReport): boolean {
  const { damaged, damagedRecords, damagedLogs, damagedFiles, added, removed } = report
  const lists = [damaged, damagedRecords, damagedLogs, damagedFiles]
  const wrong = lists.flat().length + added + removed
  return wrong === 0 && report.lost === 0 && report.unreadable === null && report.kept === null
}

/** Whose own log the folder has; undefined where card or key cannot be read, which a start says. */
async function ownKey(folder: DataFolder): Promise<OwnLogInit | undefined> {
  try {
    const [{ card }, key] = await Promise.all([
      loadOwnCard(folder, nodeCrypto),
      loadSigningKey(folder.signingKey),
    ])
    return { operator: card.body.operator, key: key.publicKey }
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyError) return undefined
    throw error
  }
}

/** Heads are verified, and leaves held against them, as at each start. */
async function findDamagedLogs(
  store: Store,
  own: OwnLogInit | undefined,
): Promise<readonly string[]> {
  const read = async (table: Store['logs'], prefix?: Uint8Array): Promise<OwnLogRecord[]> => {
    const records: OwnLogRecord[] = []
    try {
      for await (const record of table.scan(prefix)) records.push(record)
    } catch (error) {
      // One of its records is named among those that are damaged.
      if (!(error instanceof StoreError) || error.code !== 'corrupt') throw error
    }
    return records
  }
  const book = new LogBook({
    crypto: nodeCrypto,
    secret: new Uint8Array(16),
    wants: () => true,
  })
  const damaged = book.restore(await read(store.logs)).map(({ of, why }) => `${of}: ${why}`)
  if (own === undefined) return damaged
  const log = OwnLog.restore(nodeCrypto, own, await read(store.ownLog, OwnLog.prefix(own)))
  return log.damage === undefined ? damaged : [...damaged, `the own log: ${log.damage}`]
}
