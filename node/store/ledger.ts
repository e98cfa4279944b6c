/**
 * How much is stored, written in the same batch as what it counts.
 *
 * After an unclean stop the counts are held against the tables: a file that lost records no longer
 * agrees with them.
 */
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import type { Database, Operation } from './database.ts'
import { INDEX_TABLES, keyIn, rangeIn, type IndexTable } from './keys.ts'
import type { IndexEntry } from './statement-indexes.ts'

export interface Ledger {
  /** Batches written. */
  readonly writes: number
  /** The number that the next statement to arrive is given. */
  readonly nextArrival: number
  readonly statements: number
  readonly indexes: Readonly<Record<IndexTable, number>>
}

export const LEDGER_KEY = keyIn('system', utf8('ledger'))

export const emptyLedger: Ledger = Object.freeze({
  writes: 0,
  nextArrival: 0,
  statements: 0,
  indexes: Object.freeze({
    byImage: 0,
    byKey: 0,
    named: 0,
    byVersion: 0,
    byPublished: 0,
    byArrival: 0,
    byInput: 0,
    outlines: 0,
  }),
})

/** Whether a statement stands where there was none, or where a damaged copy stood. */
export type Arrival = 'new' | 'replacement'

/** The ledger with one more arrival. */
export function addToLedger(
  ledger: Ledger,
  entries: readonly IndexEntry[],
  arrival: Arrival,
): Ledger {
  const indexes = { ...ledger.indexes }
  for (const { table } of entries) {
    // The copy that is replaced left its entries behind; only those that name the arrival differ.
    if (arrival === 'new' || table === 'byKey' || table === 'byArrival') indexes[table]++
  }
  return {
    ...ledger,
    nextArrival: ledger.nextArrival + 1,
    statements: ledger.statements + (arrival === 'new' ? 1 : 0),
    indexes,
  }
}

export function ledgerOperation(ledger: Ledger): Operation {
  const value = encodeChecked(LEDGER_KEY, utf8(JSON.stringify(ledger)))
  return { type: 'put', key: LEDGER_KEY, value }
}

/** Undefined where there is none, or where it is damaged: it can be counted again. */
export async function loadLedger(database: Database): Promise<Ledger | undefined> {
  const value = await database.get(LEDGER_KEY)
  return value === undefined ? undefined : parseLedger(value)
}

export function parseLedger(value: Uint8Array): Ledger | undefined {
  const payload = parseChecked(LEDGER_KEY, value)
  const text = payload === undefined ? undefined : decodeUtf8(payload)
  return text === undefined ? undefined : (JSON.parse(text) as Ledger)
}

/** The tables that do not hold as many entries as the ledger says. */
export async function findMiscounts(database: Database, ledger: Ledger): Promise<string[]> {
  const expected = [
    ['statement', ledger.statements] as const,
    ...INDEX_TABLES.map((table) => [table, ledger.indexes[table]] as const),
  ]
  const counted = await Promise.all(expected.map(([table]) => database.count(rangeIn(table))))
  return expected.flatMap(([table, count], i) => (counted[i] === count ? [] : [table]))
}
