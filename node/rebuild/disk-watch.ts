/**
 * Watches the disk under a work folder while a command fills it.
 *
 * A build that runs into a full disk may fail in a hundred ways, or swallow the error and go on.
 * So the folder is watched from outside, and the work is aborted before the disk is full.
 */
import type { Dirent } from 'node:fs'
import { lstat, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DiskLimits {
  /** What the folder may come to hold. */
  readonly maxBytes: number
  /** What must stay free on its disk. */
  readonly minFreeBytes: number
}

export type DiskTrouble = 'disk-full' | 'over-limit'

const INTERVAL_MS = 500
/** What a file takes at least, whatever is in it. */
const FILE_BYTES = 4096
/** Of all files that a disk can hold, the part that is left to others. */
const MIN_FREE_FILES = 0.01

export class DiskWatch {
  readonly #directory: string
  readonly #limits: DiskLimits
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #atStart: Free = { bytes: 0, files: Infinity }
  #trouble: DiskTrouble | undefined

  constructor(directory: string, limits: DiskLimits) {
    this.#directory = directory
    this.#limits = limits
  }

  /** Aborted once there is trouble. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get trouble(): DiskTrouble | undefined {
    return this.#trouble
  }

  async start(): Promise<void> {
    this.#atStart = await readFree(this.#directory)
    await this.#look(false)
    if (this.#trouble === undefined) this.#schedule()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Looks thoroughly, now: after the command, which may have been quicker than the watch. */
  async check(): Promise<DiskTrouble | undefined> {
    await this.#look(true)
    return this.#trouble
  }

  async #look(thorough: boolean): Promise<void> {
    if (this.#trouble !== undefined) return
    const { maxBytes, minFreeBytes } = this.#limits
    const free = await readFree(this.#directory)
    const taken = Math.max(
      this.#atStart.bytes - free.bytes,
      (this.#atStart.files - free.files) * FILE_BYTES,
    )
    if (free.bytes < minFreeBytes) this.#raise('disk-full')
    // Measuring costs a look at every file: between commands only when the disk has shrunk so far.
    else if (thorough || taken > maxBytes) {
      if ((await folderBytes(this.#directory)) > maxBytes) this.#raise('over-limit')
    }
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.#look(false)
        // The folder may be taken away under the watch; the command's own end tells the rest.
        .catch(() => undefined)
        .then(() => {
          if (this.#timer !== undefined && this.#trouble === undefined) this.#schedule()
        })
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  #raise(trouble: DiskTrouble): void {
    this.#trouble = trouble
    this.stop()
    this.#controller.abort(new Error(trouble))
  }
}

/** What is left of a disk. */
interface Free {
  /** That an ordinary user could still write. */
  readonly bytes: number
  /** Infinite on disks that make room for files as they come. */
  readonly files: number
}

async function readFree(directory: string): Promise<Free> {
  const { bavail, bsize, files, ffree } = await statfs(directory)
  const left = files > 0 ? ffree : Infinity
  // A disk that has hardly a file left is as full as one without a free block.
  return { bytes: left < files * MIN_FREE_FILES ? 0 : bavail * bsize, files: left }
}

/**
 * Bytes that `directory` holds on disk, each file counted as one block at least: empty ones fill a
 * disk too. What vanishes meanwhile is not counted.
 */
export async function folderBytes(directory: string): Promise<number> {
  let total = 0
  const entries: Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) total += FILE_BYTES + (await folderBytes(path))
    else
      total += await lstat(path).then(
        (stats) => Math.max(FILE_BYTES, stats.blocks * 512),
        () => 0,
      )
  }
  return total
}
