/**
 * SSH public keys of Ed25519: a plain one (`ssh-ed25519`), and one in a security key, which signs
 * only when it is touched (`sk-ssh-ed25519@openssh.com`). One key has one spelling: the base64 of
 * its wire encoding, which is the second word of a line in `authorized_keys` or a `.pub` file.
 * RFC 8709; PROTOCOL.u2f of OpenSSH.
 */
import { concat, parseBase64, toBase64 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { readSsh, sshString, type SshReader } from './ssh-wire.ts'

export const SSH_KEY_TYPES = ['ssh-ed25519', 'sk-ssh-ed25519@openssh.com'] as const
export type SshKeyType = (typeof SSH_KEY_TYPES)[number]

const KEY_BYTES = 32
/** OpenSSH wants this of the application of every security key that it makes. */
const APPLICATION_PREFIX = 'ssh:'
const MAX_APPLICATION_BYTES = 128

export interface SshKey {
  readonly type: SshKeyType
  /** The Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Of a security key: what it was made for, mostly `ssh:`. */
  readonly application?: string
}

/** The key in a wire encoding, or undefined where it is anything else. */
export function parseSshKey(blob: Uint8Array): SshKey | undefined {
  return readSsh(blob, readSshKey)
}

function readSshKey(reader: SshReader): SshKey | undefined {
  const name = reader.text()
  const type = SSH_KEY_TYPES.find((each) => each === name)
  if (type === undefined) return undefined
  const publicKey = reader.string()
  const application = type === 'ssh-ed25519' ? undefined : reader.text()
  if (publicKey.length !== KEY_BYTES) return undefined
  if (application === undefined) return { type, publicKey }
  if (!application.startsWith(APPLICATION_PREFIX) || /\p{Cc}/u.test(application)) return undefined
  return application.length > MAX_APPLICATION_BYTES ? undefined : { type, publicKey, application }
}

export function encodeSshKey({ type, publicKey, application }: SshKey): Uint8Array {
  const end = application === undefined ? [] : [sshString(application)]
  return concat(sshString(type), sshString(publicKey), ...end)
}

/** The key on a line such as `ssh-ed25519 AAAA… comment`, as `.pub` files have it. */
export function parseSshKeyLine(line: string): SshKey | undefined {
  const [type, base64 = ''] = line.trim().split(/\s+/)
  const blob = parseBase64(base64)
  const key = blob === undefined ? undefined : parseSshKey(blob)
  return key?.type === type ? key : undefined
}

/** `ssh-ed25519 AAAA…`, without a comment. */
export function encodeSshKeyLine(key: SshKey): string {
  return `${key.type} ${toBase64(encodeSshKey(key))}`
}

/** `SHA256:…`, as `ssh-keygen -l` shows it. */
export function sshFingerprint(key: SshKey, crypto: Crypto): string {
  return `SHA256:${toBase64(crypto.sha256(encodeSshKey(key))).replace(/=+$/, '')}`
}
