/**
 * Holds table files and journals against their checksums.
 *
 * Before the database is opened, that is the only time when nothing is in flight: LevelDB merges
 * files as it goes, and would give damaged bytes a good checksum of their own.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isJournalIntact } from './journal-file.ts'
import { isTableFileIntact } from './table-file.ts'

export const TABLE_FILE = /\.(?:ldb|sst)$/
export const JOURNAL_FILE = /\.log$/

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

/** Names of journals that are damaged; where nobody writes to them. */
export async function findDamagedJournals(directory: string): Promise<readonly string[]> {
  const damaged: string[] = []
  const names = (await readdir(directory).catch(ignoreMissing)) ?? []
  for (const name of names.filter((each) => each.endsWith('.log')).sort()) {
    const file = await readFile(join(directory, name)).catch(ignoreMissing)
    if (file !== undefined && !isJournalIntact(file)) damaged.push(name)
  }
  return damaged
}

/** Whether LevelDB would begin a new database here, and clear away what there is of the old one. */
export async function hasLostItsName(directory: string): Promise<boolean> {
  const names = (await readdir(directory).catch(ignoreMissing)) ?? []
  return !names.includes('CURRENT') && names.some((name) => TABLE_FILE.test(name))
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

export function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw error
}
