/**
 * Byte records of one part of the node, under keys of its own making, in bytewise order of them.
 *
 * Like the JSON records each is checked when it is read; what the bytes mean is their owner's business.
 */
import { toHex } from '../../protocol/bytes.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import type { Database, Operation } from './database.ts'
import { keyIn, rangeIn, type BytesTableName } from './keys.ts'
import { StoreError } from './store-error.ts'

export interface BytesRecord {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export class BytesTable {
  readonly #database: Database
  readonly #table: BytesTableName

  constructor(database: Database, table: BytesTableName) {
    this.#database = database
    this.#table = table
  }

  async get(name: Uint8Array): Promise<Uint8Array | undefined> {
    const key = keyIn(this.#table, name)
    const value = await this.#database.get(key)
    return value === undefined ? undefined : this.#read(key, value)
  }

  /** Those whose names begin with `prefix`, piece by piece. */
  async *scan(prefix: Uint8Array = new Uint8Array()): AsyncGenerator<BytesRecord> {
    for await (const entries of this.#database.scan(rangeIn(this.#table, prefix))) {
      for (const [key, value] of entries) {
        yield { name: key.subarray(1), value: this.#read(key, value) }
      }
    }
  }

  /** A change for Store.write, or along with a statement. */
  putting(name: Uint8Array, value: Uint8Array): Operation {
    const key = keyIn(this.#table, name)
    return { type: 'put', key, value: encodeChecked(key, value) }
  }

  deleting(name: Uint8Array): Operation {
    return { type: 'del', key: keyIn(this.#table, name) }
  }

  #read(key: Uint8Array, value: Uint8Array): Uint8Array {
    const payload = parseChecked(key, value)
    if (payload !== undefined) return payload
    throw new StoreError(
      'corrupt',
      `the record ${toHex(key.subarray(1))} of ${this.#table} is damaged (${this.#database.directory}): "rebuildnet fsck --reindex" sets it aside`,
    )
  }
}
