/**
 * Holds every table file against its checksums.
 *
 * Before the database is opened, that is the only time when nothing is in flight: LevelDB merges
 * files as it goes, and would give damaged bytes a good checksum of their own.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isTableFileIntact } from './table-file.ts'

const TABLE_FILE = /\.(?:ldb|sst)$/

/** Names of table files that are damaged. A file that goes away meanwhile was merged, and is not. */
export async function findDamagedFiles(
  directory: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const damaged: string[] = []
  for (const name of await tableFiles(directory)) {
    signal?.throwIfAborted()
    const file = await readFile(join(directory, name)).catch(ignoreMissing)
    if (file !== undefined && !isTableFileIntact(file)) damaged.push(name)
  }
  return damaged
}

/** What all table files together measure. */
export async function tableBytes(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await tableFiles(directory)) {
    const file = await stat(join(directory, name)).catch(ignoreMissing)
    bytes += file?.size ?? 0
  }
  return bytes
}

async function tableFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(ignoreMissing)
  return (names ?? []).filter((name) => TABLE_FILE.test(name)).sort()
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw error
}
