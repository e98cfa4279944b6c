/**
 * What is found when a store is opened: whether this version can read it, whether it was closed in
 * order, and whether the disk kept what was written. What is derived is made anew where it is wrong.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import type { Logger } from '../logger.ts'
import type { Database } from './database.ts'
import { FORMAT_KEY, formatOperation, noStore, parseFormat } from './format.ts'
import { loadHolder } from './holder.ts'
import { emptyLedger, findMiscounts, ledgerOperation, loadLedger, type Ledger } from './ledger.ts'
import { reindex, type ReindexReport } from './reindex.ts'
import type { Replacement } from './replacement.ts'
import { breakSeal, loadSeal } from './seal.ts'

/** What was found when the store was opened. */
export interface Recovery {
  /** It was not closed in order: peers may hold what this node has lost. */
  readonly uncleanStop: boolean
  /** The disk has lost what was written to it, which a killed process does not. */
  readonly lostWrites: boolean
  /** Files that are not as LevelDB wrote them, or that it had not finished. */
  readonly damagedFiles: readonly string[]
  /** What became of the database, where its files were damaged. */
  readonly replacement?: Replacement
  /** The repair that the counts asked for. */
  readonly reindexed?: ReindexReport
}

/** `older` is read, and lacks indexes that came later. */
export type FormatAge = 'new' | 'current' | 'older'

/** Writes the format where the database was made just now; throws where it is not one of ours. */
export async function checkFormat(database: Database, directory: string): Promise<FormatAge> {
  const value = await database.get(FORMAT_KEY)
  if (value === undefined) {
    const everything = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }
    const [some] = await database.entries(everything, { limit: 1 })
    if (some !== undefined) throw noStore(directory)
    await database.write([formatOperation(), ledgerOperation(emptyLedger)], true)
    return 'new'
  }
  return parseFormat(value, directory)
}

export interface Found {
  readonly directory: string
  readonly database: Database
  readonly age: FormatAge
  readonly damagedFiles: readonly string[]
  readonly replacement: Replacement | undefined
}

/** Tells whether the last stop was clean, and repairs the indexes where something is wrong. */
export async function recover(
  { crypto, logger }: { readonly crypto: Crypto; readonly logger: Logger },
  { directory, database, age, damagedFiles, replacement }: Found,
): Promise<{ readonly ledger: Ledger; readonly recovery: Recovery }> {
  const isNew = age === 'new'
  const seal = await loadSeal(directory)
  const wasHeld = (await loadHolder(directory)) !== undefined
  await breakSeal(directory)
  const ledger = await loadLedger(database)
  const droppedBytes = await database.droppedBytes()
  const isDamaged = droppedBytes > 0 || damagedFiles.length > 0 || replacement !== undefined
  // Where the whole journal is lost the database looks new; what stands beside it knows better.
  const wasUsed = seal !== undefined || wasHeld
  const uncleanStop =
    isDamaged || (isNew ? wasUsed : seal === undefined || seal.writes !== ledger?.writes)
  // A seal that promises more than there is: the journal has lost its end.
  const isShort = seal !== undefined && (ledger?.writes ?? 0) < seal.writes
  const lostWrites = isDamaged || isShort || (isNew && wasUsed)
  const recovery: Recovery = {
    ...{ uncleanStop, lostWrites, damagedFiles },
    ...(replacement === undefined ? {} : { replacement }),
  }
  if (!uncleanStop && age !== 'older') return { ledger: ledger ?? emptyLedger, recovery }
  if (isDamaged) {
    const what = 'files of the store were damaged: peers send what was lost'
    logger.error({ droppedBytes, damagedFiles, ...replacement }, what)
  }
  if (age === 'older') {
    const repaired = await reindex({ database, crypto }, ledger)
    await database.write([formatOperation()], true)
    logger.info({ ...repaired.report }, 'the indexes of the store were brought up to date')
    return { ledger: repaired.ledger, recovery: { ...recovery, reindexed: repaired.report } }
  }
  const miscounts = ledger === undefined ? ['ledger'] : await findMiscounts(database, ledger)
  const isSound = miscounts.length === 0 && damagedFiles.length === 0 && replacement === undefined
  if (ledger !== undefined && isSound) return { ledger, recovery }
  const repaired = await reindex({ database, crypto }, ledger)
  logger.warn({ miscounts, ...repaired.report }, 'the store was repaired after an unclean stop')
  return { ledger: repaired.ledger, recovery: { ...recovery, reindexed: repaired.report } }
}
