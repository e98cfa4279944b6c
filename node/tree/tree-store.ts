/**
 * The trees that this node keeps, object by object under their hashes: of what it attested, of what
 * it normalized as published, and what it fetched to compare.
 *
 * A cache in a LevelDB of its own: it may be deleted at any time, and is where it is damaged. What
 * is kept at once is one generation; over the limit the oldest goes, but for what a later one has
 * too. Each object comes before what names it, so where a root is here, all of it is.
 */
import { rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { Level } from 'level'
import { concat } from '../../protocol/bytes.ts'
import { type ByteString, fromByteString } from '../../protocol/normalize/byte-string.ts'
import { OBJECT_KINDS, type TreeObject } from '../../protocol/normalize/tree-object.ts'
import type { Logger } from '../logger.ts'

export interface TreeStoreComponents {
  readonly logger: Logger
  /** False while the disk is too full. */
  readonly mayWrite: () => boolean
}

export interface TreeStoreInit {
  readonly directory: string
  readonly maxBytes?: number
}

const DEFAULT_MAX_BYTES = 256 * 1024 * 1024
const OBJECT = 0x01 // hash -> crc32 (4) | generation (4) | kind (1) | preimage
const MEMBER = 0x02 // generation (4) | hash -> nothing
const SIZE = 0x03 // generation (4) -> bytes (8)
const HEAD_BYTES = 9
const BATCH_OBJECTS = 500
/** Key, value header, membership, and what LevelDB adds. */
const OVERHEAD_BYTES = 96
const CACHE_BYTES = 2 * 1024 * 1024

type Database = Level<Uint8Array, Uint8Array>
type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

interface Opened {
  readonly level: Database
  /** Bytes of each generation, the oldest first. */
  readonly sizes: Map<number, number>
}

export class TreeStore {
  readonly #components: TreeStoreComponents
  readonly #directory: string
  readonly #maxBytes: number
  #opened: Promise<Opened> | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(components: TreeStoreComponents, init: TreeStoreInit) {
    this.#components = components
    this.#directory = init.directory
    this.#maxBytes = init.maxBytes ?? DEFAULT_MAX_BYTES
  }

  /** What is damaged is not here. */
  async read(hash: ByteString): Promise<TreeObject | undefined> {
    const { level } = await this.#open()
    const key = objectKey(hash)
    const value = (await level.get(key)) as Uint8Array | undefined
    if (value === undefined || value.length < HEAD_BYTES) return undefined
    const view = new DataView(value.buffer, value.byteOffset)
    const kind = OBJECT_KINDS[(value[8] ?? 0) - 1]
    if (kind === undefined || view.getUint32(0) !== check(key, value.subarray(4))) return undefined
    return { hash, kind, preimage: value.slice(HEAD_BYTES) }
  }

  /** Keeps these, and lets the oldest go where it is too much. Nothing where the disk is full. */
  keep(objects: Iterable<TreeObject>): Promise<void> {
    const done = this.#turn.then(() => this.#keep(objects))
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Bytes of what is kept; what two generations share counts twice. */
  async bytes(): Promise<number> {
    const { sizes } = await this.#open()
    return [...sizes.values()].reduce((sum, size) => sum + size, 0)
  }

  async close(): Promise<void> {
    await this.#turn
    if (this.#opened === undefined) return
    const { level } = await this.#opened
    await level.close()
  }

  async #keep(objects: Iterable<TreeObject>): Promise<void> {
    if (!this.#components.mayWrite()) return
    const { level, sizes } = await this.#open()
    const generation = Math.max(0, ...sizes.keys()) + 1
    let bytes = 0
    let operations: Operation[] = []
    const flush = async (): Promise<void> => {
      operations.push({ type: 'put', key: sizeKey(generation), value: sizeValue(bytes) })
      await level.batch(operations)
      sizes.set(generation, bytes)
      operations = []
    }
    for (const { hash, kind, preimage } of objects) {
      bytes += preimage.length + OVERHEAD_BYTES
      if (bytes > this.#maxBytes) break
      const key = objectKey(hash)
      const body = concat(u32(generation), Uint8Array.of(OBJECT_KINDS.indexOf(kind) + 1), preimage)
      operations.push({ type: 'put', key, value: concat(u32(check(key, body)), body) })
      operations.push({ type: 'put', key: memberKey(generation, hash), value: new Uint8Array() })
      if (operations.length >= 2 * BATCH_OBJECTS) await flush()
    }
    if (operations.length > 0) await flush()
    for (const oldest of [...sizes.keys()]) {
      if ((await this.bytes()) <= this.#maxBytes) return
      await this.#forget(oldest)
    }
  }

  async #forget(generation: number): Promise<void> {
    const { level, sizes } = await this.#open()
    const range = { gte: memberKey(generation, ''), lt: memberKey(generation + 1, '') }
    let operations: Operation[] = []
    for await (const key of level.keys(range)) {
      const object = concat(Uint8Array.of(OBJECT), key.subarray(5))
      const value = (await level.get(object)) as Uint8Array | undefined
      const own =
        value !== undefined &&
        value.length >= HEAD_BYTES &&
        new DataView(value.buffer, value.byteOffset).getUint32(4) === generation
      if (own) operations.push({ type: 'del', key: object })
      operations.push({ type: 'del', key })
      if (operations.length < 2 * BATCH_OBJECTS) continue
      await level.batch(operations)
      operations = []
    }
    await level.batch([...operations, { type: 'del', key: sizeKey(generation) }])
    sizes.delete(generation)
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#openDatabase()
    return this.#opened
  }

  async #openDatabase(): Promise<Opened> {
    let level = createDatabase(this.#directory)
    try {
      await level.open()
    } catch (error) {
      const { code } = (error as { cause?: { code?: string } }).cause ?? {}
      if (code === 'LEVEL_LOCKED') throw error
      this.#components.logger.warn(
        { error: String(error) },
        'the kept trees were damaged and are dropped',
      )
      await rm(this.#directory, { recursive: true, force: true })
      level = createDatabase(this.#directory)
      await level.open()
    }
    const sizes = new Map<number, number>()
    const range = { gte: Uint8Array.of(SIZE), lt: Uint8Array.of(SIZE + 1) }
    for await (const [key, value] of level.iterator(range)) {
      sizes.set(readU32(key, 1), new DataView(value.buffer, value.byteOffset).getFloat64(0))
    }
    return { level, sizes }
  }
}

function createDatabase(directory: string): Database {
  return new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
  })
}

function objectKey(hash: ByteString): Uint8Array {
  return concat(Uint8Array.of(OBJECT), fromByteString(hash))
}

function memberKey(generation: number, hash: ByteString): Uint8Array {
  return concat(Uint8Array.of(MEMBER), u32(generation), fromByteString(hash))
}

function sizeKey(generation: number): Uint8Array {
  return concat(Uint8Array.of(SIZE), u32(generation))
}

function sizeValue(bytes: number): Uint8Array {
  const value = new Uint8Array(8)
  new DataView(value.buffer).setFloat64(0, bytes)
  return value
}

/** Over the key too: no object stands under the hash of another. */
function check(key: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(key))
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

function readU32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
}
