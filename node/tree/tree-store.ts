/**
 * The trees that this node keeps, object by object under their hashes: of what it attested, of what
 * it normalized as published, and what it fetched to compare.
 *
 * A cache in a LevelDB of its own: it may be deleted at any time, and is where it is damaged. What
 * is kept at once is one generation; over the limit the longest unused goes, but for what another
 * has too. Each object comes before what names it, so where a root is here, all of it is.
 */
import { rm } from 'node:fs/promises'
import { Level } from 'level'
import type { ByteString } from '../../protocol/normalize/byte-string.ts'
import type { TreeObject } from '../../protocol/normalize/tree-object.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import {
  encodeGeneration,
  encodeObject,
  GENERATION_RANGE,
  generationKey,
  generationNumber,
  generationOf,
  handedOver,
  memberHash,
  memberKey,
  memberRange,
  objectKey,
  readGeneration,
  readObject,
  type Generation,
} from './tree-records.ts'
import type { RecordChange } from '../record-change.ts'
import { Turns } from '../turns.ts'

export interface TreeStoreComponents {
  readonly clock: Clock
  readonly logger: Logger
  /** False while the disk is too full. */
  readonly mayWrite: () => boolean
}

export interface TreeStoreInit {
  readonly directory: string
  readonly maxBytes?: number
}

const DEFAULT_MAX_BYTES = 256 * 1024 * 1024
const BATCH_OBJECTS = 500
/** Key, value header, membership, and what LevelDB adds. */
const OVERHEAD_BYTES = 96
const CACHE_BYTES = 2 * 1024 * 1024

type Database = Level<Uint8Array, Uint8Array>

interface Opened {
  readonly level: Database
  /** By number, the oldest first. */
  readonly generations: Map<number, Generation>
}

export class TreeStore {
  readonly #components: TreeStoreComponents
  readonly #directory: string
  readonly #maxBytes: number
  #opened: Promise<Opened> | undefined
  #generations: Map<number, Generation> | undefined
  readonly #turns = new Turns()

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
    const object = value === undefined ? undefined : readObject(key, value)
    if (value === undefined || object === undefined) return undefined
    this.#touch(generationOf(value))
    return { hash, ...object }
  }

  /** Keeps these, and lets the oldest go where it is too much. Nothing where the disk is full. */
  keep(objects: Iterable<TreeObject>): Promise<void> {
    return this.#turns.take(() => this.#keep(objects))
  }

  /** Bytes of what is kept; what two generations share counts twice. */
  async bytes(): Promise<number> {
    const { generations } = await this.#open()
    return [...generations.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** All that was kept, by number, the oldest first. */
  async generations(): Promise<ReadonlyMap<number, Generation>> {
    return new Map((await this.#open()).generations)
  }

  /** Whether the object was kept with the others of this generation. */
  async isIn(generation: number, hash: ByteString): Promise<boolean> {
    const { level } = await this.#open()
    return ((await level.get(memberKey(generation, hash))) as Uint8Array | undefined) !== undefined
  }

  /** Lets go of one, but for what another has too. */
  forget(generation: number): Promise<void> {
    return this.#turns.take(() => this.#forget(generation))
  }

  async close(): Promise<void> {
    await this.#turns.ended()
    if (this.#opened === undefined) return
    const { level, generations } = await this.#opened
    const used = [...generations].map(([number, generation]) => {
      const value = encodeGeneration(generation)
      return { type: 'put', key: generationKey(number), value } as const
    })
    // Only the order in which they go hangs on it.
    if (this.#components.mayWrite()) await level.batch(used).catch(() => undefined)
    await level.close()
  }

  async #keep(objects: Iterable<TreeObject>): Promise<void> {
    if (!this.#components.mayWrite()) return
    const { level, generations } = await this.#open()
    const generation = Math.max(0, ...generations.keys()) + 1
    let bytes = 0
    let operations: RecordChange[] = []
    const flush = async (): Promise<void> => {
      const now = { bytes, used: this.#components.clock.now() }
      const value = encodeGeneration(now)
      operations.push({ type: 'put', key: generationKey(generation), value })
      await level.batch(operations)
      generations.set(generation, now)
      operations = []
    }
    for (const { hash, kind, preimage } of objects) {
      bytes += preimage.length + OVERHEAD_BYTES
      if (bytes > this.#maxBytes) break
      const key = objectKey(hash)
      operations.push({
        type: 'put',
        key,
        value: encodeObject(key, generation, { kind, preimage }),
      })
      operations.push({ type: 'put', key: memberKey(generation, hash), value: new Uint8Array() })
      if (operations.length >= 2 * BATCH_OBJECTS) await flush()
    }
    if (operations.length > 0) await flush()
    const unused = [...generations].sort(([, a], [, b]) => a.used - b.used)
    for (const [number] of unused) {
      if ((await this.bytes()) <= this.#maxBytes) return
      await this.#forget(number)
    }
  }

  async #forget(generation: number): Promise<void> {
    const { level, generations } = await this.#open()
    const others = [...generations.keys()].filter((number) => number !== generation).reverse()
    let operations: RecordChange[] = []
    for await (const key of level.keys(memberRange(generation))) {
      const hash = memberHash(key)
      const object = objectKey(hash)
      const value = (await level.get(object)) as Uint8Array | undefined
      if (value !== undefined && generationOf(value) === generation) {
        const heir = await this.#heir(others, hash)
        operations.push(
          heir === undefined
            ? { type: 'del', key: object }
            : { type: 'put', key: object, value: handedOver(object, value, heir) },
        )
      }
      operations.push({ type: 'del', key })
      if (operations.length < 2 * BATCH_OBJECTS) continue
      await level.batch(operations)
      operations = []
    }
    await level.batch([...operations, { type: 'del', key: generationKey(generation) }])
    generations.delete(generation)
  }

  /** Another generation that has the object too. */
  async #heir(others: readonly number[], hash: ByteString): Promise<number | undefined> {
    for (const number of others) if (await this.isIn(number, hash)) return number
    return undefined
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#openDatabase()
    return this.#opened
  }

  /** On the disk when the store is closed: it is for the order in which they go, and no more. */
  #touch(generation: number | undefined): void {
    const known = this.#generations?.get(generation ?? -1)
    if (generation !== undefined && known !== undefined) {
      this.#generations?.set(generation, { ...known, used: this.#components.clock.now() })
    }
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
    const generations = new Map<number, Generation>()
    for await (const [key, value] of level.iterator(GENERATION_RANGE)) {
      generations.set(generationNumber(key), readGeneration(value))
    }
    this.#generations = generations
    return { level, generations }
  }
}

function createDatabase(directory: string): Database {
  return new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
  })
}
