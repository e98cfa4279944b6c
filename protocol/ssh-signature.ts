/**
 * Signatures of `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH), by Ed25519 keys.
 *
 * What is signed is never the message itself but its hash under a namespace, so that a signature
 * for one purpose says nothing for another. The signature of a security key also covers what it was
 * made for, a counter, and whether somebody touched it, which is asked for here: a key that signs
 * untouched is no better than a file. The Ed25519 equation is checked under the strict profile.
 */
import { concat, equalBytes, parseBase64, toBase64, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { verifyStrict } from './ed25519.ts'
import { encodeSshKey, parseSshKey, type SshKey } from './ssh-key.ts'
import { readSsh, sshString, sshUint32, type SshReader } from './ssh-wire.ts'

const MAGIC = utf8('SSHSIG')
const VERSION = 1
const HASHES = ['sha256', 'sha512'] as const
const SIGNATURE_BYTES = 64
/** Flag of a security key: somebody was there and touched it. */
const USER_PRESENT = 0x01

const ARMOR_BEGIN = '-----BEGIN SSH SIGNATURE-----'
const ARMOR_END = '-----END SSH SIGNATURE-----'
const ARMOR_COLUMNS = 70

export interface SshSignature {
  readonly key: SshKey
  readonly namespace: string
  readonly reserved: Uint8Array
  readonly hash: (typeof HASHES)[number]
  /** The Ed25519 signature, 64 bytes. */
  readonly signature: Uint8Array
  /** What a security key adds. */
  readonly touch?: { readonly flags: number; readonly counter: number }
}

/** The signature in its binary form, or undefined where it is anything else. */
export function parseSshSignature(blob: Uint8Array): SshSignature | undefined {
  return readSsh(blob, readSshSignature)
}

function readSshSignature(reader: SshReader): SshSignature | undefined {
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC) || reader.uint32() !== VERSION)
    return undefined
  const key = parseSshKey(reader.string())
  const namespace = reader.text()
  const reserved = reader.string()
  const hashName = reader.text()
  const hash = HASHES.find((each) => each === hashName)
  if (key === undefined || hash === undefined) return undefined
  const signed = readSsh(reader.string(), (inner) => readSigned(inner, key))
  return signed === undefined ? undefined : { key, namespace, reserved, hash, ...signed }
}

function readSigned(
  reader: SshReader,
  { type }: SshKey,
): Pick<SshSignature, 'signature' | 'touch'> | undefined {
  if (reader.text() !== type) return undefined
  const signature = reader.string()
  if (signature.length !== SIGNATURE_BYTES) return undefined
  if (type === 'ssh-ed25519') return { signature }
  return { signature, touch: { flags: reader.byte(), counter: reader.uint32() } }
}

export function encodeSshSignature(parsed: SshSignature): Uint8Array {
  const { key, namespace, reserved, hash, signature, touch } = parsed
  const end = touch === undefined ? [] : [Uint8Array.of(touch.flags), sshUint32(touch.counter)]
  return concat(
    MAGIC,
    sshUint32(VERSION),
    sshString(encodeSshKey(key)),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(concat(sshString(key.type), sshString(signature), ...end)),
  )
}

/** Whether `signature` is one of `message` under `namespace`, by the key that it names. */
export function isSshSignatureOf(
  signature: SshSignature,
  namespace: string,
  message: Uint8Array,
  crypto: Crypto,
): boolean {
  if (signature.namespace !== namespace) return false
  const { key, touch } = signature
  const signed = signedBytes(signature, message, crypto)
  if (key.application === undefined || touch === undefined) {
    return verifyStrict(key.publicKey, signed, signature.signature, crypto) === 'ok'
  }
  if ((touch.flags & USER_PRESENT) === 0) return false
  const bySecurityKey = concat(
    crypto.sha256(utf8(key.application)),
    Uint8Array.of(touch.flags),
    sshUint32(touch.counter),
    crypto.sha256(signed),
  )
  return verifyStrict(key.publicKey, bySecurityKey, signature.signature, crypto) === 'ok'
}

/** What is signed in the place of `message`. */
export function signedBytes(
  { namespace, reserved, hash }: Pick<SshSignature, 'namespace' | 'reserved' | 'hash'>,
  message: Uint8Array,
  crypto: Crypto,
): Uint8Array {
  return concat(
    MAGIC,
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(hash === 'sha256' ? crypto.sha256(message) : crypto.sha512(message)),
  )
}

/** The binary form in the text that `ssh-keygen` writes, or undefined where it is no such text. */
export function parseSshArmor(text: string): Uint8Array | undefined {
  const lines = text.trim().split(/\r?\n/)
  if (lines[0] !== ARMOR_BEGIN || lines.at(-1) !== ARMOR_END) return undefined
  return parseBase64(lines.slice(1, -1).join(''))
}

export function encodeSshArmor(blob: Uint8Array): string {
  const base64 = toBase64(blob)
  const lines: string[] = [ARMOR_BEGIN]
  for (let at = 0; at < base64.length; at += ARMOR_COLUMNS) {
    lines.push(base64.slice(at, at + ARMOR_COLUMNS))
  }
  return `${[...lines, ARMOR_END].join('\n')}\n`
}
