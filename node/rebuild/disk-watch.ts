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

export class DiskWatch {
  readonly #directory: string
  readonly #limits: DiskLimits
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #freeAtStart = 0
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
    this.#freeAtStart = await freeBytes(this.#directory)
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
    const free = await freeBytes(this.#directory)
    if (free < minFreeBytes) this.#raise('disk-full')
    // Measuring costs a look at every file: between commands only when the disk has shrunk so far.
    else if (thorough || this.#freeAtStart - free > maxBytes) {
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

/** Bytes that an ordinary user could still write on the disk under `directory`. */
async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize, files, ffree } = await statfs(directory)
  // A disk without a free inode is as full as one without a free block.
  return files > 0 && ffree === 0 ? 0 : bavail * bsize
}

/** Bytes that `directory` holds on disk. What vanishes meanwhile is not counted. */
export async function folderBytes(directory: string): Promise<number> {
  let total = 0
  const entries: Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) total += await folderBytes(path)
    else
      total += await lstat(path).then(
        (stats) => stats.blocks * 512,
        () => 0,
      )
  }
  return total
}
