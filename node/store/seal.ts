/**
 * The mark of a clean stop: a file beside the database that says how many batches had been written.
 *
 * It is made when the store is closed and taken away when it is opened, so that a store without one
 * was not stopped in order. One that promises more than the database holds tells of a journal that
 * lost its end, which LevelDB takes for a crash and says nothing of.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface Seal {
  readonly writes: number
}

const SEAL = /^rebuildnet store closed after ([0-9]{1,15}) writes\n$/

function sealPath(directory: string): string {
  return join(directory, 'sealed')
}

export async function writeSeal(directory: string, seal: Seal): Promise<void> {
  const path = sealPath(directory)
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(`rebuildnet store closed after ${seal.writes} writes\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

/** Reads the seal; undefined where there is none, or none that can be read. */
export async function loadSeal(directory: string): Promise<Seal | undefined> {
  const text = await readFile(sealPath(directory), 'utf8').catch(() => '')
  const writes = SEAL.exec(text)?.[1]
  return writes === undefined ? undefined : { writes: Number(writes) }
}

export async function breakSeal(directory: string): Promise<void> {
  await rm(sealPath(directory), { force: true })
  const folder = await open(directory, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
