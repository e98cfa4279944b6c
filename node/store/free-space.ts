/** How much room the disk has, and how much of it the store leaves alone. */
import { statfs } from 'node:fs/promises'

export interface FreeSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Room on the disk that holds `directory`. */
export type MeasureFreeSpace = (directory: string) => Promise<FreeSpace>

export const measureFreeSpace: MeasureFreeSpace = async (directory) => {
  const { bavail, blocks, bsize } = await statfs(directory)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/** Under either of them the store takes nothing in. */
export interface FreeSpaceLimits {
  readonly minFreeBytes: number
  /** Share of the disk, from 0 to 1. */
  readonly minFreeShare: number
}

export const defaultFreeSpaceLimits: FreeSpaceLimits = Object.freeze({
  minFreeBytes: 1024 ** 3,
  minFreeShare: 0.05,
})

/** The bytes that must be free on a disk of this size. */
export function neededBytes(limits: FreeSpaceLimits, space: FreeSpace): number {
  return Math.ceil(Math.max(limits.minFreeBytes, limits.minFreeShare * space.totalBytes))
}
