/**
 * A look at a database from outside, which changes nothing and which nothing in its files can end:
 * whether LevelDB may be let near it, and what could be saved where it may not.
 */
import { join } from 'node:path'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { Database } from './database.ts'
import { countLost } from './replacement.ts'
import { salvage } from './salvage.ts'
import { findDamagedFiles, findDamagedJournals } from './scrub.ts'

export interface Examination {
  /** Table files and journals whose checksums do not hold. */
  readonly damagedFiles: readonly string[]
  /** Statements that could be saved. */
  readonly statements: number
  /** Statements of which only a damaged copy is there. */
  readonly damaged: readonly Sid[]
  /** How many fewer could be saved than were counted; undefined where the count is lost too. */
  readonly lost: number | undefined
}

interface Components {
  readonly crypto: Crypto
  readonly signal?: AbortSignal | undefined
}

/** Undefined where every checksum holds, and where another process has it open, which opening says. */
export async function examine(
  directory: string,
  components: Components,
): Promise<Examination | undefined> {
  const level = join(directory, 'level')
  if (await Database.isHeld(level)) return undefined
  const damagedFiles = [
    ...(await findDamagedFiles(level, components.signal)),
    ...(await findDamagedJournals(level)),
  ]
  return damagedFiles.length === 0
    ? undefined
    : examineUnreadable(directory, damagedFiles, components)
}

/** What could be saved, whatever is wrong. */
export async function examineUnreadable(
  directory: string,
  damagedFiles: readonly string[],
  components: Components,
): Promise<Examination> {
  const saved = await salvage(join(directory, 'level'), components)
  const { statements, damaged } = saved
  return { damagedFiles, statements, damaged, lost: countLost(saved) }
}
