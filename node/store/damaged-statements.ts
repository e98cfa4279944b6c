/** Which of the statements that are stored are not whole: each is opened anew, signature and all. */
import type { Crypto } from '../../protocol/crypto.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import type { Database } from './database.ts'
import { lastSid, rangeIn } from './keys.ts'
import { parseStatementRecord } from './statement-record.ts'
import type { OpenStatement } from './statement-table.ts'

interface Components {
  readonly database: Database
  readonly open: OpenStatement
  readonly crypto: Crypto
}

export async function findDamagedStatements(
  { database, open, crypto }: Components,
  signal?: AbortSignal,
): Promise<readonly Sid[]> {
  const damaged: Sid[] = []
  for await (const piece of database.scan(rangeIn('statement'))) {
    signal?.throwIfAborted()
    for (const [key, value] of piece) {
      const record = parseStatementRecord(key, value, crypto)
      if (record === undefined || !isValid(record.bytes, open)) damaged.push(lastSid(key))
    }
  }
  return damaged
}

function isValid(bytes: Uint8Array, open: OpenStatement): boolean {
  try {
    open(bytes)
    return true
  } catch (error) {
    if (error instanceof StatementError) return false
    throw error
  }
}
