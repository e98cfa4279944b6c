/**
 * JSON records of one part of the node, by name: its queue, its alerts, its settings.
 *
 * Each is checked when it is read. What the JSON means is its owner's business: `as` gives a view
 * of the table in the owner's type.
 */
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import type { Database, Entry, Operation } from './database.ts'
import { keyIn, rangeIn, type RecordTableName } from './keys.ts'
import { StoreError } from './store-error.ts'
import type { Writer } from './writer.ts'

export interface RecordTableComponents {
  readonly database: Database
  readonly writer: Writer
}

export interface RecordRange {
  /** The first name, or the first after it; from the beginning where absent. */
  readonly gte?: string
  /** The name before which it ends; to the end where absent. */
  readonly lt?: string
  readonly reverse?: boolean
  readonly limit?: number
}

export interface WriteOptions {
  /** On the disk before this resolves. */
  readonly sync?: boolean
}

export class RecordTable<V = unknown> {
  readonly #components: RecordTableComponents
  readonly #table: RecordTableName
  readonly #parse: (value: unknown) => V

  constructor(
    components: RecordTableComponents,
    table: RecordTableName,
    parse: (value: unknown) => V,
  ) {
    this.#components = components
    this.#table = table
    this.#parse = parse
  }

  /** The same table in the owner's type; `parse` is given what JSON.parse returned. */
  as<T>(parse: (value: unknown) => T): RecordTable<T> {
    return new RecordTable(this.#components, this.#table, parse)
  }

  async get(name: string): Promise<V | undefined> {
    const key = keyIn(this.#table, utf8(name))
    const value = await this.#components.database.get(key)
    return value === undefined ? undefined : this.#read(key, value)
  }

  async put(name: string, value: V, options: WriteOptions = {}): Promise<void> {
    await this.#write(this.putting(name, value), options)
  }

  async delete(name: string, options: WriteOptions = {}): Promise<void> {
    await this.#write(this.deleting(name), options)
  }

  /** In bytewise order of their names. */
  async all(): Promise<readonly V[]> {
    return (await this.range({})).map(([, value]) => value)
  }

  async range(range: RecordRange): Promise<readonly (readonly [name: string, value: V])[]> {
    const whole = rangeIn(this.#table)
    const bounds = {
      gte: range.gte === undefined ? whole.gte : keyIn(this.#table, utf8(range.gte)),
      lt: range.lt === undefined ? whole.lt : keyIn(this.#table, utf8(range.lt)),
    }
    const entries = await this.#components.database.entries(bounds, {
      ...(range.reverse === undefined ? {} : { reverse: range.reverse }),
      ...(range.limit === undefined ? {} : { limit: range.limit }),
    })
    return entries.map(([key, value]: Entry) => [nameOf(key), this.#read(key, value)] as const)
  }

  /** A change for Store.write, which makes several at once. */
  putting(name: string, value: V): Operation {
    const key = keyIn(this.#table, utf8(name))
    return { type: 'put', key, value: encodeChecked(key, utf8(JSON.stringify(value))) }
  }

  deleting(name: string): Operation {
    return { type: 'del', key: keyIn(this.#table, utf8(name)) }
  }

  async #write(operation: Operation, options: WriteOptions): Promise<void> {
    await this.#components.writer.submit((operations, ledger) => {
      operations.push(operation)
      return ledger
    }, options.sync ?? false)
  }

  #read(key: Uint8Array, value: Uint8Array): V {
    const payload = parseChecked(key, value)
    const text = payload === undefined ? undefined : decodeUtf8(payload)
    if (text !== undefined) return this.#parse(JSON.parse(text))
    throw new StoreError(
      'corrupt',
      `the record "${nameOf(key)}" of ${this.#table} is damaged (${this.#components.database.directory}): "rebuildnet fsck --reindex" sets it aside`,
    )
  }
}

function nameOf(key: Uint8Array): string {
  return decodeUtf8(key.subarray(1)) ?? '(not text)'
}
