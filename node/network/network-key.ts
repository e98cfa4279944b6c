/**
 * The key of a private network, in the format that libp2p's implementations share
 * (`/key/swarm/psk/1.0.0/`). Who has no copy of it cannot even begin to speak with who has.
 *
 * Nothing else depends on it: it hides a network, and is no reason to trust who is in it.
 */
import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { toHex } from '../../protocol/bytes.ts'
import { createFile } from '../atomic-file.ts'
import { NetworkError } from './network-error.ts'

const HEADER = '/key/swarm/psk/1.0.0/\n/base16/\n'
const FILE = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n[0-9a-f]{64}\s*$/i

/** The file's bytes, as libp2p takes them. */
export async function loadNetworkKey(path: string): Promise<Uint8Array> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw keyError(path, `cannot be read (${(error as Error).message})`, error)
  }
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) {
    throw keyError(path, `can be read by others than its owner: run "chmod 600 ${path}"`)
  }
  if (!FILE.test(text)) {
    throw keyError(path, 'is no network key: make one with "rebuildnet network-key FILE"')
  }
  return new TextEncoder().encode(text.replaceAll('\r', '').trimEnd())
}

/** Writes a new key, and never over a file that is there. */
export async function createNetworkKey(path: string): Promise<void> {
  try {
    await createFile(path, `${HEADER}${toHex(new Uint8Array(randomBytes(32)))}\n`)
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST'
    const what = exists
      ? 'is there already: a key that is in use is never overwritten; choose another name'
      : `cannot be written (${(error as Error).message})`
    throw keyError(path, what, error)
  }
}

function keyError(path: string, what: string, cause?: unknown): NetworkError {
  return new NetworkError(
    'network-key',
    `network key ${path} ${what}`,
    cause === undefined ? {} : { cause },
  )
}
