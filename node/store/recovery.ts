/**
 * What is found when a store is opened: whether this version can read it, whether it was closed in
 * order, and whether the disk kept what was written. What is derived is made anew where it is wrong.
 */
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Logger } from '../logger.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import type { Database, Operation } from './database.ts'
import { loadHolder } from './holder.ts'
import { keyIn, STORE_FORMAT } from './keys.ts'
import { emptyLedger, findMiscounts, ledgerOperation, loadLedger, type Ledger } from './ledger.ts'
import { reindex, type ReindexReport } from './reindex.ts'
import { breakSeal, loadSeal } from './seal.ts'
import { StoreError } from './store-error.ts'

/** What was found when the store was opened. */
export interface Recovery {
  /** It was not closed in order: peers may hold what this node has lost. */
  readonly uncleanStop: boolean
  /** The disk has lost what was written to it, which a killed process does not. */
  readonly lostWrites: boolean
  /** Files that are not as LevelDB wrote them, or that it had not finished. */
  readonly damagedFiles: readonly string[]
  /** The repair that the counts asked for. */
  readonly reindexed?: ReindexReport
}

const FORMAT_KEY = keyIn('system', utf8('format'))

/** True where the database was made just now. */
export async function checkFormat(database: Database, directory: string): Promise<boolean> {
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

export interface Found {
  readonly directory: string
  readonly database: Database
  readonly isNew: boolean
  readonly damagedFiles: readonly string[]
}

/** Tells whether the last stop was clean, and repairs the indexes where something is wrong. */
export async function recover(
  { crypto, logger }: { readonly crypto: Crypto; readonly logger: Logger },
  { directory, database, isNew, damagedFiles }: Found,
): Promise<{ readonly ledger: Ledger; readonly recovery: Recovery }> {
  const seal = await loadSeal(directory)
  const wasHeld = (await loadHolder(directory)) !== undefined
  await breakSeal(directory)
  const ledger = await loadLedger(database)
  const droppedBytes = await database.droppedBytes()
  const isDamaged = droppedBytes > 0 || damagedFiles.length > 0
  // Where the whole journal is lost the database looks new; what stands beside it knows better.
  const wasUsed = seal !== undefined || wasHeld
  const uncleanStop =
    isDamaged || (isNew ? wasUsed : seal === undefined || seal.writes !== ledger?.writes)
  // A seal that promises more than there is: the journal has lost its end.
  const isShort = seal !== undefined && (ledger?.writes ?? 0) < seal.writes
  const lostWrites = isDamaged || isShort || (isNew && wasUsed)
  const recovery: Recovery = { uncleanStop, lostWrites, damagedFiles }
  if (!uncleanStop) return { ledger: ledger ?? emptyLedger, recovery }
  if (isDamaged) {
    const what = 'files of the store were damaged: peers send what was lost'
    logger.error({ droppedBytes, damagedFiles }, what)
  }
  const miscounts = ledger === undefined ? ['ledger'] : await findMiscounts(database, ledger)
  const isSound = miscounts.length === 0 && damagedFiles.length === 0
  if (ledger !== undefined && isSound) return { ledger, recovery }
  const repaired = await reindex({ database, crypto }, ledger)
  logger.warn({ miscounts, ...repaired.report }, 'the store was repaired after an unclean stop')
  return { ledger: repaired.ledger, recovery: { ...recovery, reindexed: repaired.report } }
}
