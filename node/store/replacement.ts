/**
 * Puts a new database in the place of a damaged one, with all that could be saved of it. The damaged
 * one stays beside it, under a name with the date.
 *
 * The new one is whole before the old one is moved. Between the two renames there is only the new
 * one, under a name of its own, and whoever opens the store next ends what was begun.
 */
import { access, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { Database, type Operation } from './database.ts'
import { FORMAT_KEY, formatOperation, parseFormat } from './format.ts'
import { LEDGER_KEY, parseLedger } from './ledger.ts'
import { keyOf, nameOf, salvage, type Salvage, type SalvageComponents } from './salvage.ts'
import { StoreError } from './store-error.ts'

export interface Replacement {
  /** Where the damaged database is kept. */
  readonly kept: string
  readonly statements: number
  /** Statements of which only a damaged copy was there. */
  readonly damaged: readonly Sid[]
  /** How many fewer statements there are than were counted; undefined where the count is lost too. */
  readonly lost: number | undefined
}

const BATCH = 256

/** Ends a replacement that was cut off between its two renames. */
export async function finishReplacement(level: string): Promise<void> {
  if (!(await exists(level)) && (await exists(madePath(level))))
    await rename(madePath(level), level)
}

/** Throws StoreError where nothing can be saved, or the disk has no room for it. */
export async function replaceDatabase(
  level: string,
  components: { readonly crypto: Crypto; readonly signal?: AbortSignal | undefined },
): Promise<Replacement> {
  const fresh = `${level}.new`
  for (const path of [fresh, madePath(level)]) await rm(path, { recursive: true, force: true })
  let saved: Salvage
  try {
    saved = await fill(level, fresh, components)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    throw error
  }
  await rename(fresh, madePath(level))
  const kept = await freeName(level)
  await rename(level, kept)
  await rename(madePath(level), level)
  await syncFolder(dirname(level))
  const { statements, damaged } = saved
  return { kept, statements, damaged, lost: countLost(saved) }
}

/** How many fewer statements there are than the database had counted. */
export function countLost({ statements, records }: Salvage): number | undefined {
  const value = records.get(nameOf(LEDGER_KEY))
  const ledger = value === undefined ? undefined : parseLedger(value)
  return ledger === undefined ? undefined : Math.max(0, ledger.statements - statements)
}

async function fill(level: string, fresh: string, components: SalvageComponents): Promise<Salvage> {
  const database = await Database.open(fresh, async () => new Error(`${fresh} is held open`))
  try {
    const write = (operations: readonly Operation[]): Promise<void> =>
      database.write(operations, true)
    const saved = await salvage(level, { ...components, write })
    const { records } = saved
    if (records.size + saved.statements === 0) {
      throw new StoreError(
        'corrupt',
        `nothing in ${level} can be read: move it away to begin a new one; peers send the statements again`,
      )
    }
    const format = records.get(nameOf(FORMAT_KEY))
    // Of a newer rebuildnet it is left alone.
    if (format !== undefined) parseFormat(format, dirname(level))
    // The counts are of what was there: it is counted anew.
    const kept = [...records].filter(([name]) => name !== nameOf(LEDGER_KEY))
    const operations: Operation[] = [
      ...(format === undefined ? [formatOperation()] : []),
      ...kept.map(([name, value]) => ({ type: 'put', key: keyOf(name), value }) as const),
    ]
    for (let i = 0; i < operations.length; i += BATCH) await write(operations.slice(i, i + BATCH))
    return saved
  } finally {
    await database.close()
  }
}

function madePath(level: string): string {
  return `${level}.mended`
}

async function freeName(level: string): Promise<string> {
  const date = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
  const name = join(dirname(level), `${basename(level)}-damaged-${date}`)
  for (let i = 1; ; i++) {
    const path = i === 1 ? name : `${name}.${i}`
    if (!(await exists(path))) return path
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
