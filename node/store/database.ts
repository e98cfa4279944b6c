/**
 * LevelDB: byte strings to byte strings, in bytewise order of the keys, batches that are whole or
 * not at all. What it raises comes out as StoreError; nothing here knows what the bytes mean.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import type { RecordChange } from '../record-change.ts'
import type { KeyRange } from './keys.ts'
import { toStoreError, rootOf } from './store-error.ts'

export type Operation = RecordChange

export type Entry = readonly [key: Uint8Array, value: Uint8Array]

export interface ScanOptions {
  readonly reverse?: boolean
  readonly limit?: number
}

const SCAN_CHUNK = 1000
const CACHE_BYTES = 16 * 1024 * 1024
/**
 * Of what comes the last so much is held in memory, and in a journal. Sids come in no order: each time
 * that it is full it is merged with all that is there, and with LevelDB's own 4 MB the merging took as
 * long as half of verifying.
 */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024

interface Asked {
  readonly key: Uint8Array
  readonly resolve: (value: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Database {
  readonly directory: string
  #asked: Asked[] = []
  readonly #level: Level<Uint8Array, Uint8Array>

  private constructor(directory: string, level: Level<Uint8Array, Uint8Array>) {
    this.directory = directory
    this.#level = level
  }

  /** Opens or makes it. `locked` is called where another process, or this one, has it open. */
  static async open(directory: string, locked: () => Promise<Error>): Promise<Database> {
    const level = new Level<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
    })
    try {
      await level.open()
    } catch (error) {
      if (error instanceof Error && rootOf(error).code === 'LEVEL_LOCKED') throw await locked()
      throw toStoreError(error, directory)
    }
    return new Database(directory, level)
  }

  /** Whether some process has it open; nothing is read or changed. */
  static async isHeld(directory: string): Promise<boolean> {
    // LevelDB takes the lock before it looks whether there is a database, and refuses it then.
    const level = new Level<Uint8Array, Uint8Array>(directory, {
      createIfMissing: false,
      errorIfExists: true,
    })
    try {
      await level.open()
      await level.close()
      return false
    } catch (error) {
      return error instanceof Error && rootOf(error).code === 'LEVEL_LOCKED'
    }
  }

  /**
   * Bytes of its journal that LevelDB found damaged and left out when it opened. It goes on without
   * a word to its caller; only its own log file says so.
   */
  async droppedBytes(): Promise<number> {
    const log = await readFile(join(this.directory, 'LOG'), 'utf8').catch(() => '')
    let dropped = 0
    for (const [, bytes] of log.matchAll(/: dropping ([0-9]+) bytes;/g)) dropped += Number(bytes)
    return dropped
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#guard(() => this.#level.get(key) as Promise<Uint8Array | undefined>)
  }

  /** As `get`, but what is asked for in one turn of the loop is read together: a fraction of the work. */
  getSoon(key: Uint8Array): Promise<Uint8Array | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
    this.#asked.push({ key, resolve, reject })
    if (this.#asked.length === 1) setImmediate(() => void this.#readAsked())
    return promise
  }

  async #readAsked(): Promise<void> {
    const asked = this.#asked
    this.#asked = []
    try {
      const values = await this.getMany(asked.map(({ key }) => key))
      for (const [i, { resolve }] of asked.entries()) resolve(values[i])
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }

  /** In the order of the keys that were asked for. */
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#guard(() => this.#level.getMany([...keys]) as Promise<(Uint8Array | undefined)[]>)
  }

  /** Pieces of at most 1000 entries; the view is that of the moment of the first. */
  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<readonly Entry[]> {
    const iterator = this.#level.iterator({ ...range, ...options })
    try {
      for (;;) {
        const entries = await this.#guard(() => iterator.nextv(SCAN_CHUNK))
        if (entries.length === 0) return
        yield entries
      }
    } finally {
      await iterator.close()
    }
  }

  async entries(range: KeyRange, options: ScanOptions = {}): Promise<Entry[]> {
    const all: Entry[] = []
    for await (const piece of this.scan(range, options)) all.push(...piece)
    return all
  }

  /** How many keys there are; their values are not read. */
  async count(range: KeyRange): Promise<number> {
    const keys = this.#level.keys(range)
    let count = 0
    try {
      for (;;) {
        const piece = await this.#guard(() => keys.nextv(4 * SCAN_CHUNK))
        if (piece.length === 0) return count
        count += piece.length
      }
    } finally {
      await keys.close()
    }
  }

  /** All of them or none. With `sync` they are on the disk when this resolves. */
  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    await this.#guard(() => this.#level.batch([...operations], { sync }))
  }

  async close(): Promise<void> {
    await this.#level.close()
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toStoreError(error, this.directory)
    }
  }
}
