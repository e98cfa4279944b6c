/**
 * A private Ed25519 key in a file of its own: 64 hex digits (the seed of RFC 8032) and a newline,
 * readable by its owner alone. Whoever can read the file can speak as its operator, so a file
 * that others may read is refused. protocol/README.md.
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { KeyHex } from '../../protocol/identifiers.ts'
import type { Signer } from '../../protocol/signer.ts'
import { createFile } from '../atomic-file.ts'

export type KeyErrorCode =
  | 'key-missing'
  | 'key-exists'
  | 'key-malformed'
  | 'key-readable-by-others'
  /** A backup that is none, is cut, or contradicts itself. */
  | 'backup-malformed'
  /** A backup under another passphrase, or a damaged one. */
  | 'backup-locked'
  /** The file system says no: permissions, a full disk. */
  | 'key-inaccessible'

/** A key file that cannot be used; the message is for a person and never holds key material. */
export class KeyError extends Error {
  override readonly name = 'KeyError'
  readonly code: KeyErrorCode
  readonly file: string

  constructor(code: KeyErrorCode, file: string, message: string, cause?: unknown) {
    super(`${file}: ${message}`, cause === undefined ? {} : { cause })
    this.code = code
    this.file = file
  }
}

/** DER prefix of an Ed25519 PKCS #8 private key (RFC 8410); the 32 seed bytes follow. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export class SigningKey implements Signer {
  readonly publicKey: KeyHex
  readonly #key: KeyObject

  /** @param seed 32 bytes */
  constructor(seed: Uint8Array) {
    if (seed.length !== 32) throw new Error('an Ed25519 seed has 32 bytes')
    this.#key = createPrivateKey({
      key: Buffer.concat([PKCS8_PREFIX, seed]),
      format: 'der',
      type: 'pkcs8',
    })
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.publicKey = spki.subarray(-32).toString('hex')
  }

  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.#key)
  }
}

/** Reads the key in `file`; throws KeyError. */
export async function loadSigningKey(file: string): Promise<SigningKey> {
  return new SigningKey(await readSeed(file))
}

/** The private key itself, 32 bytes: for a backup, and nothing else. Throws KeyError. */
export async function readSeed(file: string): Promise<Uint8Array> {
  const { mode } = await stat(file).catch((cause: unknown) => refuse(file, cause))
  if ((mode & 0o077) !== 0) {
    throw new KeyError(
      'key-readable-by-others',
      file,
      'others may read this key: chmod 600 it, and make a new one if they may have',
    )
  }
  const text = await readFile(file, 'latin1').catch((cause: unknown) => refuse(file, cause))
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new KeyError('key-malformed', file, 'is not a key: 64 hex digits are expected')
  }
  return Buffer.from(text.slice(0, 64), 'hex')
}

/** Makes a new key in `file`, which must not exist yet, and flushes it to disk; throws KeyError. */
export async function createSigningKey(file: string): Promise<SigningKey> {
  const seed = randomBytes(32)
  await createFile(file, `${seed.toString('hex')}\n`).catch((cause: unknown) => refuse(file, cause))
  return new SigningKey(seed)
}

/** What the file system says, as a KeyError. */
function refuse(file: string, cause: unknown): never {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') {
    throw new KeyError(
      'key-missing',
      file,
      'there is no key here: rebuildnet init makes one',
      cause,
    )
  }
  if (code === 'EEXIST') {
    throw new KeyError('key-exists', file, 'a key is here already and is not overwritten', cause)
  }
  throw new KeyError('key-inaccessible', file, message, cause)
}
