/**
 * Takes statements out with everything that leads to them. What is damaged stays, for fsck to see.
 *
 * A statement that once stood here damaged and came again has left entries of an earlier arrival;
 * they are found by the key that signed it.
 */
import { parseHex, toHex } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import type { KeyHex, Sid } from '../../protocol/identifiers.ts'
import { parsePayload } from '../../protocol/in-toto.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import { parseChecked } from './checked.ts'
import type { Database, Operation } from './database.ts'
import { keyIn, signerRange, statementKey } from './keys.ts'
import { ledgerOperation, type Ledger } from './ledger.ts'
import { indexEntries } from './statement-indexes.ts'
import { parseStatementRecord } from './statement-record.ts'

interface Components {
  readonly database: Database
  readonly crypto: Crypto
}

export interface Removal {
  readonly removed: readonly SignedStatement[]
  readonly ledger: Ledger
}

/** In one batch; call it where nothing else is written meanwhile. */
export async function removeStatements(
  { database, crypto }: Components,
  sids: readonly Sid[],
  before: Ledger,
): Promise<Removal> {
  const removed: SignedStatement[] = []
  const operations: Operation[] = []
  const indexes = { ...before.indexes }
  const signed = new Map<KeyHex, Set<Sid>>()
  const values = await database.getMany(sids.map(statementKey))
  for (const [i, sid] of sids.entries()) {
    const found = read(sid, values[i], crypto)
    if (found === undefined) continue
    const { statement, arrival } = found
    removed.push(statement)
    signed.set(statement.key, (signed.get(statement.key) ?? new Set()).add(sid))
    operations.push({ type: 'del', key: statementKey(sid) })
    for (const { table, key } of indexEntries(statement, arrival)) {
      // Of every arrival, below.
      if (table === 'byKey' || table === 'byArrival') continue
      operations.push({ type: 'del', key })
      indexes[table]--
    }
  }
  for (const [key, gone] of signed) {
    for await (const entries of database.scan(signerRange(key))) {
      for (const [entry, value] of entries) {
        const payload = parseChecked(entry, value)
        if (payload === undefined || !gone.has(toHex(payload))) continue
        operations.push({ type: 'del', key: entry })
        operations.push({ type: 'del', key: keyIn('byArrival', entry.subarray(-8)) })
        indexes.byKey--
        indexes.byArrival--
      }
    }
  }
  const ledger: Ledger = {
    ...before,
    writes: before.writes + 1,
    statements: before.statements - removed.length,
    indexes,
  }
  if (removed.length === 0) return { removed, ledger: before }
  await database.write([...operations, ledgerOperation(ledger)], true)
  return { removed, ledger }
}

function read(
  sid: Sid,
  value: Uint8Array | undefined,
  crypto: Crypto,
): { readonly statement: SignedStatement; readonly arrival: number } | undefined {
  if (value === undefined || parseHex(sid) === undefined) return undefined
  const record = parseStatementRecord(statementKey(sid), value, crypto)
  if (record === undefined) return undefined
  const { publicKey, payload } = parseEnvelope(record.bytes)
  const key = toHex(publicKey)
  try {
    const body = parsePayload(payload, key, crypto)
    return { statement: { sid, key, body }, arrival: record.arrival }
  } catch (error) {
    if (error instanceof StatementError) return undefined
    throw error
  }
}
