/**
 * Makes the indexes anew from the statements, and sets aside what is damaged.
 *
 * It adds what is missing before it takes away what is wrong, so that whoever reads meanwhile sees
 * at least what is true. Damaged values are moved, not deleted: somebody may want to look at them.
 */
import { equalBytes, toHex } from '../../protocol/bytes.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import { parsePayload } from '../../protocol/in-toto.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { parseChecked } from './checked.ts'
import type { Database, Entry, Operation } from './database.ts'
import {
  BYTES_TABLES,
  INDEX_TABLES,
  keyIn,
  lastSid,
  rangeIn,
  RECORD_TABLES,
  SID_BYTES,
  statementKey,
  type IndexTable,
} from './keys.ts'
import { emptyLedger, ledgerOperation, type Ledger } from './ledger.ts'
import { indexEntries, type IndexEntry } from './statement-indexes.ts'
import { arrivalOf, parseStatementRecord } from './statement-record.ts'

export interface ReindexReport {
  /** Statements that are whole. */
  readonly statements: number
  /** Statements that were damaged and now stand aside: peers send them again. */
  readonly damaged: readonly Sid[]
  /** Records of other parts that were damaged and now stand aside, as `table/name in hex`. */
  readonly damagedRecords: readonly string[]
  /** Index entries that were missing or damaged. */
  readonly added: number
  /** Index entries that nothing justified. */
  readonly removed: number
}

interface Components {
  readonly database: Database
  readonly crypto: Crypto
  /** Verifies signatures too, where somebody asked for it; the hash of the record pins them. */
  readonly open?: (bytes: Uint8Array) => unknown
}

/** Their keys end in an arrival, their values in a sid. */
const INDEXES_BY_ARRIVAL: readonly IndexTable[] = ['byKey', 'byArrival']
/** A key under which nothing stands. */
const NO_STATEMENT = keyIn('statement')

export async function reindex(
  components: Components,
  before: Ledger | undefined,
): Promise<{ readonly report: ReindexReport; readonly ledger: Ledger }> {
  const { database } = components
  const counts = { ...emptyLedger.indexes }
  const damaged: Sid[] = []
  let [statements, added, removed, nextArrival] = [0, 0, 0, before?.nextArrival ?? 0]

  for await (const piece of database.scan(rangeIn('statement'))) {
    const operations: Operation[] = []
    const wanted: IndexEntry[] = []
    for (const [key, value] of piece) {
      const found = derive(key, value, components)
      if (found === undefined) {
        damaged.push(lastSid(key))
        operations.push(...asideOperations(key, value))
        continue
      }
      statements++
      nextArrival = Math.max(nextArrival, found.arrival + 1)
      for (const { table } of found.entries) counts[table]++
      wanted.push(...found.entries)
    }
    const present = await database.getMany(wanted.map(({ key }) => key))
    for (const [i, { key, value }] of wanted.entries()) {
      const stored = present[i]
      if (stored !== undefined && equalBytes(stored, value)) continue
      added++
      operations.push({ type: 'put', key, value })
    }
    if (operations.length > 0) await database.write(operations, false)
  }
  for (const table of INDEX_TABLES) removed += await removeUnjustified(database, table)
  const damagedRecords = await setRecordsAside(database)
  const ledger: Ledger = {
    writes: (before?.writes ?? 0) + 1,
    nextArrival,
    statements,
    indexes: counts,
  }
  await database.write([ledgerOperation(ledger)], true)
  return { report: { statements, damaged, damagedRecords, added, removed }, ledger }
}

/** What the indexes must hold for one stored statement; undefined where it is damaged or cannot be read. */
function derive(
  key: Uint8Array,
  value: Uint8Array,
  { crypto, open }: Components,
): { readonly arrival: number; readonly entries: readonly IndexEntry[] } | undefined {
  const record = parseStatementRecord(key, value, crypto)
  if (record === undefined) return undefined
  const { publicKey, payload } = parseEnvelope(record.bytes)
  const signer = toHex(publicKey)
  const { arrival } = record
  try {
    open?.(record.bytes)
    const body = parsePayload(payload, signer, crypto)
    return { arrival, entries: indexEntries({ sid: lastSid(key), key: signer, body }, arrival) }
  } catch (error) {
    if (error instanceof StatementError) return undefined
    throw error
  }
}

function asideOperations(key: Uint8Array, value: Uint8Array): Operation[] {
  return [
    { type: 'put', key: keyIn('aside', key), value },
    { type: 'del', key },
  ]
}

/** Damaged entries, entries of statements that are not here, and those of an earlier arrival. */
async function removeUnjustified(database: Database, table: IndexTable): Promise<number> {
  let removed = 0
  for await (const piece of database.scan(rangeIn(table))) {
    const keys = piece.map((entry) => {
      const sid = namedSid(table, entry)
      return sid === undefined ? NO_STATEMENT : statementKey(sid)
    })
    const records = await database.getMany(keys)
    const operations = piece.flatMap(([key], i): Operation[] => {
      const [statement, record] = [keys[i], records[i]]
      if (statement === undefined || record === undefined) return [{ type: 'del', key }]
      if (!INDEXES_BY_ARRIVAL.includes(table)) return []
      const arrival = arrivalOf(statement, record)
      const named = new DataView(key.buffer, key.byteOffset + key.length - 8).getBigUint64(0)
      return arrival === Number(named) ? [] : [{ type: 'del', key }]
    })
    removed += operations.length
    if (operations.length > 0) await database.write(operations, false)
  }
  return removed
}

/** The statement that an index entry leads to; undefined where the entry is damaged. */
function namedSid(table: IndexTable, [key, value]: Entry): Sid | undefined {
  const payload = parseChecked(key, value)
  if (payload === undefined) return undefined
  if (!INDEXES_BY_ARRIVAL.includes(table)) return lastSid(key)
  return payload.length === SID_BYTES ? toHex(payload) : undefined
}

async function setRecordsAside(database: Database): Promise<string[]> {
  const damaged: string[] = []
  for (const table of [...RECORD_TABLES, ...BYTES_TABLES]) {
    for await (const piece of database.scan(rangeIn(table))) {
      const operations: Operation[] = []
      for (const [key, value] of piece) {
        if (parseChecked(key, value) !== undefined) continue
        damaged.push(`${table}/${toHex(key.subarray(1))}`)
        operations.push(...asideOperations(key, value))
      }
      if (operations.length > 0) await database.write(operations, false)
    }
  }
  return damaged
}
