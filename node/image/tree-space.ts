/**
 * Where the trees of one image lie: the first blocks in memory that threads share, the rest in a
 * file, since an image at the limits has more than a gigabyte of them.
 *
 * The file has no name by the time something is in it, so it is gone when the process is, however
 * that ends; it is closed when nothing refers to the space any more. Each block is written by one
 * thread, and read by others only once they have been told of it.
 */
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BLOCK_BYTES, type BlockStore } from '../../protocol/normalize/tree-bytes.ts'
import { ImageError } from './image-error.ts'

/** What a thread needs of a space. */
export interface Space {
  /** Of all spaces of this process. */
  readonly id: number
  /** Blocks in the file so far, and blocks that may yet be in memory. */
  readonly control: Int32Array
  /** Undefined where there can be none: then all is in memory. */
  file(): number | undefined
  /** Where the file was made: it has no name by which a person could tell which disk is full. */
  readonly folder: string
}

export interface SpaceHandle {
  readonly id: number
  readonly control: SharedArrayBuffer
  readonly file: number | undefined
  readonly folder: string
}

/** Of one tree: where its blocks are, in the file by their numbers there. Those in memory come first. */
export interface StoredBlocks {
  readonly memory: readonly SharedArrayBuffer[]
  readonly file: Uint32Array
}

const IN_FILE = 0
const MEMORY_LEFT = 1
const CONTROL_BYTES = 8
const MEMORY_BYTES = 4 * 1024 * 1024

/** Some systems have the one in memory and the other not. */
const LARGE_TEMPORARY_FOLDER = '/var/tmp'

const files = new FinalizationRegistry<number>((file) => closeSync(file))
let spaces = 0

/** Of the main thread, which outlives the others. */
export class TreeSpace implements Space {
  readonly id = ++spaces
  readonly control: Int32Array
  readonly folder = temporaryFolder()
  readonly #shared = new SharedArrayBuffer(CONTROL_BYTES)
  #file: number | undefined
  #isOpen = false

  /** `memoryBytes`: what is not put into the file. */
  constructor(memoryBytes = MEMORY_BYTES) {
    this.control = new Int32Array(this.#shared)
    this.control[MEMORY_LEFT] = Math.floor(memoryBytes / BLOCK_BYTES)
  }

  /** For another thread, as long as this space is referred to. */
  get handle(): SpaceHandle {
    return { id: this.id, control: this.#shared, file: this.file(), folder: this.folder }
  }

  file(): number | undefined {
    if (this.#isOpen) return this.#file
    this.#isOpen = true
    this.#file = openNameless(this.folder)
    if (this.#file !== undefined) files.register(this, this.#file)
    return this.#file
  }
}

export function openSpace({ id, control, file, folder }: SpaceHandle): Space {
  return { id, control: new Int32Array(control), file: () => file, folder }
}

function temporaryFolder(): string {
  const own = process.env.TMPDIR ?? ''
  return own === '' && existsSync(LARGE_TEMPORARY_FOLDER) ? LARGE_TEMPORARY_FOLDER : tmpdir()
}

function openNameless(parent: string): number | undefined {
  try {
    const folder = mkdtempSync(join(parent, 'rebuildnet-tree-'))
    try {
      return openSync(join(folder, 'tree'), 'wx+', 0o600)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  } catch {
    return undefined
  }
}

/** Blocks of files that were read last, of this thread: one place for each, by its number. */
const PLACES = 512
interface Place {
  readonly bytes: Uint8Array
  space: number
  block: number
}
const places: (Place | undefined)[] = []

/** One tree in a space. */
export class SpaceStore implements BlockStore {
  readonly #space: Space
  readonly #memory: Uint8Array[]
  readonly #file: number[]

  /** `stored`: of a tree that is there. */
  constructor(space: Space, stored?: StoredBlocks) {
    this.#space = space
    this.#memory = (stored?.memory ?? []).map((buffer) => new Uint8Array(buffer))
    this.#file = [...(stored?.file ?? [])]
  }

  get stored(): StoredBlocks {
    return {
      memory: this.#memory.map(({ buffer }) => buffer as SharedArrayBuffer),
      file: Uint32Array.from(this.#file),
    }
  }

  /** How many blocks there are. */
  get length(): number {
    return this.#memory.length + this.#file.length
  }

  append(block: Uint8Array): void {
    const { control } = this.#space
    const inMemory = this.#file.length === 0 && Atomics.sub(control, MEMORY_LEFT, 1) > 0
    const file = inMemory ? undefined : this.#space.file()
    if (file === undefined) {
      const copy = new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES))
      copy.set(block)
      this.#memory.push(copy)
      return
    }
    const number = Atomics.add(control, IN_FILE, 1)
    write(this.#space, file, block, number * BLOCK_BYTES)
    this.#file.push(number)
  }

  block(index: number): Uint8Array {
    const { memory, number } = this.#find(index)
    if (memory !== undefined) return memory
    const place = (places[number % PLACES] ??= newPlace())
    if (place.space !== this.#space.id || place.block !== number) {
      // Not half of one block and half of another, should reading fail.
      place.space = 0
      readSync(this.#space.file() as number, place.bytes, 0, BLOCK_BYTES, number * BLOCK_BYTES)
      place.space = this.#space.id
      place.block = number
    }
    return place.bytes
  }

  patch(index: number, at: number, bytes: Uint8Array): void {
    const { memory, number } = this.#find(index)
    if (memory !== undefined) {
      memory.set(bytes, at)
      return
    }
    write(this.#space, this.#space.file() as number, bytes, number * BLOCK_BYTES + at)
    const place = places[number % PLACES]
    if (place?.space === this.#space.id && place.block === number) place.bytes.set(bytes, at)
  }

  #find(index: number): { readonly memory: Uint8Array | undefined; readonly number: number } {
    const memory = this.#memory[index]
    return { memory, number: this.#file[index - this.#memory.length] as number }
  }
}

function newPlace(): Place {
  return { bytes: new Uint8Array(BLOCK_BYTES), space: 0, block: 0 }
}

/** Throws ImageError `temporary-disk-full`. */
function write({ folder }: Space, file: number, bytes: Uint8Array, position: number): void {
  try {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(file, bytes, at, bytes.length - at, position + at)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') {
      throw Object.assign(error as Error, { path: folder })
    }
    throw new ImageError(
      'temporary-disk-full',
      `${folder}: no space is left for what is kept of the image while it is read: free some, or set TMPDIR to a folder on a larger disk`,
      { cause: error },
    )
  }
}
