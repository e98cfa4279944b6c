/**
 * Whoever signs an operator's cards: a raw root key in a file, or an SSH key through ssh-keygen.
 *
 * Needed when a card is made and never else, so it may be kept anywhere: on a stick, in an agent, in
 * a security key. Of an SSH key this process sees the public part alone; ssh-keygen asks for the
 * passphrase, or for a touch, on the terminal.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { toBase64 } from '../protocol/bytes.ts'
import { proveAsRoot } from '../protocol/operator-card.ts'
import { CARD_NAMESPACE, isSameRootKey, type RootKey } from '../protocol/root-key.ts'
import { encodeSshKey, parseSshKeyLine } from '../protocol/ssh-key.ts'
import { parseSshArmor } from '../protocol/ssh-signature.ts'
import { readBoundedFile } from './bounded-file.ts'
import { ConfigError } from './config-error.ts'
import { loadSigningKey } from './crypto/signing-key.ts'
import type { DataFolder } from './data-folder.ts'
import { findTool } from './system/packages.ts'

const MAX_OUTPUT_BYTES = 64 * 1024
/** A key with its comment, and more than that. */
const MAX_ROOT_KEY_BYTES = 64 * 1024

export interface RootSigner {
  readonly rootKey: RootKey
  /** Where it is, for a person. */
  readonly file: string
  /** The proof of the root key for a card's bytes. */
  prove(card: Uint8Array): Promise<string>
}

/**
 * The root key in `file`: a raw one as `init` makes it, an OpenSSH private key, or a `.pub` file
 * whose private part an agent has. Throws ConfigError, or KeyError for a raw one.
 */
export async function openRootSigner(file: string): Promise<RootSigner> {
  const bytes = await readBoundedFile(
    file,
    MAX_ROOT_KEY_BYTES,
    (reason, cause) => new ConfigError('not-found', `${file}: ${reason}`, { cause }),
  )
  const text = bytes.toString('utf8')
  if (/^[0-9a-f]{64}\s*$/.test(text)) {
    const key = await loadSigningKey(file)
    return {
      rootKey: { type: 'ed25519', key: key.publicKey },
      file,
      prove: async (card) => proveAsRoot(card, key),
    }
  }
  const isPrivate = text.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----')
  const line = isPrivate ? await publicLineOf(file) : text
  const key = parseSshKeyLine(line)
  if (key === undefined) {
    throw new ConfigError(
      'bad-value',
      `${file} is no root key: name a raw key as "rebuildnet init" makes it, or an SSH key of type ed25519 or ed25519-sk`,
    )
  }
  return {
    rootKey: { type: key.type, key: toBase64(encodeSshKey(key)) },
    file,
    prove: async (card) => {
      const armored = await sshKeygen(['-Y', 'sign', '-q', '-n', CARD_NAMESPACE, '-f', file], card)
      const blob = parseSshArmor(armored)
      if (blob !== undefined) return toBase64(blob)
      throw new ConfigError('refused', `ssh-keygen gave no signature by ${file}`)
    },
  }
}

/** The root key of the data folder, which must be `rootKey`; `file` names it where it is elsewhere. */
export async function findRootSigner(
  folder: Pick<DataFolder, 'rootKey' | 'nextRootKey' | 'rootPublic'>,
  rootKey: RootKey,
  file: string | undefined,
): Promise<RootSigner | undefined> {
  const names =
    file === undefined ? [folder.rootKey, folder.nextRootKey, folder.rootPublic] : [file]
  for (const name of names) {
    const signer = await openRootSigner(name).catch((error: unknown) => {
      const missing = error instanceof ConfigError && error.code === 'not-found'
      if (missing && file === undefined) return undefined
      throw error
    })
    if (signer === undefined) continue
    if (isSameRootKey(signer.rootKey, rootKey)) return signer
    if (file !== undefined) {
      throw new ConfigError('bad-value', `${file} is not the root key that the card names`)
    }
  }
  return undefined
}

async function publicLineOf(file: string): Promise<string> {
  return readFile(`${file}.pub`, 'utf8').catch(() =>
    sshKeygen(['-y', '-f', file], new Uint8Array()),
  )
}

/** Its standard output; what it says goes to the terminal as it comes. */
async function sshKeygen(args: readonly string[], input: Uint8Array): Promise<string> {
  const program = findTool('ssh-keygen')
  if (program === undefined) {
    throw new ConfigError('refused', 'ssh-keygen is not installed: apt-get install openssh-client')
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('latin1')).slice(0, MAX_OUTPUT_BYTES)
    })
    // A key that cannot be used is said by the exit code; the pipe only breaks along with it.
    child.stdin.on('error', () => undefined)
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else {
        const name = args.at(-1) ?? ''
        reject(new ConfigError('refused', `ssh-keygen did not sign with ${name}: see above`))
      }
    })
    child.stdin.end(input)
  })
}
