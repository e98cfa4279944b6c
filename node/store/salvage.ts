/**
 * Saves what can be read of a database whose files are damaged, without LevelDB: it may end the
 * process over a turned bit, or pass over it in silence.
 *
 * A value is taken only where it certifies itself: a statement by its hash and sid, a record by its
 * checksum over key and value. In a damaged place a wrong length may lead into bytes that a peer has
 * chosen: the signature of a statement from there is verified again. Of several versions the latest is
 * taken whose checksum in the file holds; what stood in a damaged place is taken only where nothing
 * else is known of its key, since nobody can say how old it is. Indexes are left out: they are made
 * anew.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { parseChecked } from './checked.ts'
import type { Operation } from './database.ts'
import { journalVersions } from './journal-file.ts'
import { INDEX_TABLES, lastSid, STATEMENT_KEY_BYTES, TABLES } from './keys.ts'
import { ignoreMissing, JOURNAL_FILE, TABLE_FILE } from './scrub.ts'
import { parseStatementRecord } from './statement-record.ts'
import { tableVersions } from './table-versions.ts'
import type { Version } from './version.ts'

export interface Salvage {
  /** Statements that were saved. */
  readonly statements: number
  /** Statements of which only a damaged copy is here. */
  readonly damaged: readonly Sid[]
  /** Records of the node's parts that were saved, the system's among them, by their key. */
  readonly records: ReadonlyMap<string, Uint8Array>
}

export interface SalvageComponents {
  readonly crypto: Crypto
  /** Writes statements, or takes them back; where absent they are only counted. */
  readonly write?: (operations: readonly Operation[]) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

const BATCH = 512
/** Of what stood in a damaged place: earlier than anything else. */
const UNKNOWN_AGE = -1
const DERIVED: ReadonlySet<number> = new Set(INDEX_TABLES.map((table) => TABLES[table]))

interface Record {
  readonly age: number
  readonly value: Uint8Array | undefined
}

/** Key as a string of one character a byte: what a Map can tell apart. */
export function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

export function keyOf(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name, 'latin1'))
}

/** Reads every file of the database in `directory`, which nobody may have open. */
export async function salvage(directory: string, components: SalvageComponents): Promise<Salvage> {
  const saved = new Saved(components)
  for await (const file of databaseFiles(directory)) {
    for (const version of file) {
      components.signal?.throwIfAborted()
      if (saved.take(version)) await saved.flush(BATCH)
    }
  }
  return saved.finish()
}

async function* databaseFiles(directory: string): AsyncGenerator<Iterable<Version>> {
  for (const name of (await readdir(directory)).sort()) {
    const versionsIn = TABLE_FILE.test(name)
      ? tableVersions
      : JOURNAL_FILE.test(name)
        ? journalVersions
        : undefined
    if (versionsIn === undefined) continue
    const file = await readFile(join(directory, name)).catch(ignoreMissing)
    if (file !== undefined) yield versionsIn(file)
  }
}

class Saved {
  readonly #components: SalvageComponents
  /** How old the version of each statement is that was saved. */
  readonly #statements = new Map<string, number>()
  readonly #deleted = new Map<string, number>()
  readonly #damaged = new Set<string>()
  readonly #records = new Map<string, Record>()
  #waiting: Operation[] = []

  constructor(components: SalvageComponents) {
    this.#components = components
  }

  /** Whether there is something to be written for it. */
  take(version: Version): boolean {
    const { key, value } = version
    const [table] = key
    if (table === undefined || DERIVED.has(table)) return false
    const age = version.intact ? version.sequence : UNKNOWN_AGE
    if (table === TABLES.statement) return this.#takeStatement(key, value, age)
    const isSound =
      value === undefined ||
      (table === TABLES.aside ? version.intact : parseChecked(key, value) !== undefined)
    const name = nameOf(key)
    const known = this.#records.get(name)
    if (!isSound || (known !== undefined && known.age >= age)) return false
    this.#records.set(name, { age, value: value && Uint8Array.from(value) })
    return false
  }

  #takeStatement(key: Uint8Array, value: Uint8Array | undefined, age: number): boolean {
    if (key.length !== STATEMENT_KEY_BYTES) return false
    const name = nameOf(key)
    if (value === undefined) {
      this.#deleted.set(name, Math.max(age, this.#deleted.get(name) ?? age))
      return false
    }
    const known = this.#statements.get(name)
    if (known !== undefined && known >= age) return false
    if (!this.#isSound(key, value, age)) {
      this.#damaged.add(name)
      return false
    }
    this.#statements.set(name, age)
    this.#waiting.push({ type: 'put', key: Uint8Array.from(key), value: Uint8Array.from(value) })
    return true
  }

  #isSound(key: Uint8Array, value: Uint8Array, age: number): boolean {
    const { crypto } = this.#components
    const record = parseStatementRecord(key, value, crypto)
    if (record === undefined || age !== UNKNOWN_AGE) return record !== undefined
    try {
      return openStatement(record.bytes, crypto).sid === lastSid(key)
    } catch {
      return false
    }
  }

  async flush(atLeast: number): Promise<void> {
    if (this.#waiting.length < atLeast) return
    const operations = this.#waiting
    this.#waiting = []
    if (operations.length > 0) await this.#components.write?.(operations)
  }

  async finish(): Promise<Salvage> {
    for (const [name, age] of this.#deleted) {
      const saved = this.#statements.get(name)
      this.#damaged.delete(name)
      if (saved === undefined || saved > age) continue
      this.#statements.delete(name)
      this.#waiting.push({ type: 'del', key: keyOf(name) })
    }
    await this.flush(0)
    const records = new Map<string, Uint8Array>()
    for (const [name, { value }] of this.#records) if (value !== undefined) records.set(name, value)
    const damaged = [...this.#damaged].filter((name) => !this.#statements.has(name))
    return {
      statements: this.#statements.size,
      damaged: damaged.map((name) => lastSid(keyOf(name))).sort(),
      records,
    }
  }
}
