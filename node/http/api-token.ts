/** The token that changes over TCP need: a file in the data folder that only its owner reads. */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const TOKEN_BYTES = 32

/** Reads the token of a data folder, and makes one where there is none. */
export async function loadApiToken(dataFolder: string): Promise<string> {
  const path = join(dataFolder, 'api-token')
  try {
    // `wx`: of two processes that start at once, one makes the token and the other reads it.
    await writeFile(path, `${randomBytes(TOKEN_BYTES).toString('hex')}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
