/**
 * The peer key: what libp2p knows this node by. Nothing but connections depends on it.
 *
 * It is apart from the key that signs statements: a peer id is shown to everyone who connects and
 * may be thrown away, a signing key is an operator's word. The file holds one line, format and
 * 32-byte seed, and is for its owner alone.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseHex, toHex } from '../../protocol/bytes.ts'
import { createFile } from '../atomic-file.ts'
import { NetworkError } from './network-error.ts'

const FORMAT = 'rebuildnet-peer-key/1'
const LINE = /^rebuildnet-peer-key\/1 ([0-9a-f]{64})\n?$/

/** The 32-byte Ed25519 seed in `path`; a new one is made where there is no file. */
export async function loadPeerSeed(path: string): Promise<Uint8Array> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return createPeerSeed(path)
    throw peerKeyError(path, `cannot be read (${(error as Error).message})`, error)
  }
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) {
    throw peerKeyError(path, `can be read by others than its owner: run "chmod 600 ${path}"`)
  }
  const seed = parseHex(LINE.exec(text)?.[1] ?? '')
  if (seed?.length !== 32) {
    throw peerKeyError(
      path,
      `is no peer key of format ${FORMAT}: restore it, or delete it to get a new peer id`,
    )
  }
  return seed
}

async function createPeerSeed(path: string): Promise<Uint8Array> {
  const seed = new Uint8Array(randomBytes(32))
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await createFile(path, `${FORMAT} ${toHex(seed)}\n`)
  } catch (error) {
    throw peerKeyError(path, `cannot be written (${(error as Error).message})`, error)
  }
  return seed
}

function peerKeyError(path: string, what: string, cause?: unknown): NetworkError {
  return new NetworkError(
    'peer-key',
    `peer key ${path} ${what}`,
    cause === undefined ? {} : { cause },
  )
}
