/** The token that changes over TCP need: a file in the data folder that only its owner reads. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../atomic-file.ts'

const TOKEN_BYTES = 32

/** Reads the token of a data folder, and makes one where there is none, or less than one. */
export async function loadApiToken(dataFolder: string): Promise<string> {
  const path = join(dataFolder, 'api-token')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return ''
  })
  // What a node left that was killed over it could be guessed, or lets nobody in.
  if (text.trim().length >= TOKEN_BYTES) return text.trim()
  const token = randomBytes(TOKEN_BYTES).toString('hex')
  await writeFileAtomic(path, `${token}\n`)
  return token
}
