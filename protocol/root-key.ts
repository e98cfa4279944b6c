/**
 * The root key of an operator: what signs its cards, and nothing else.
 *
 * It is raw Ed25519, or an SSH key that somebody has already. A proof by a raw key is a signature
 * over a domain and the card's bytes; one by an SSH key is what `ssh-keygen -Y sign -n
 * rebuildnet-card/1` makes of the card's bytes, whose namespace is the domain.
 */
import { concat, equalBytes, parseBase64, parseHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { verifyStrict } from './ed25519.ts'
import type { Field } from './field.ts'
import { isKeyHex, type KeyHex } from './identifiers.ts'
import type { JsonObject } from './json.ts'
import {
  encodeSshKey,
  parseSshKey,
  SSH_KEY_TYPES,
  sshFingerprint,
  type SshKeyType,
} from './ssh-key.ts'
import { isSshSignatureOf, parseSshSignature } from './ssh-signature.ts'

/** The namespace under which an SSH root key signs cards. */
export const CARD_NAMESPACE = 'rebuildnet-card/1'

const ROOT_DOMAIN = utf8('rebuildnet/card-root/1\0')
const MAX_SSH_KEY_TEXT = 512
const MAX_PROOF_TEXT = 1024

export type RootKey =
  | { readonly type: 'ed25519'; readonly key: KeyHex }
  /** `key` is base64 of the wire encoding: the second word in a `.pub` file. */
  | { readonly type: SshKeyType; readonly key: string }

export function parseRootKey(field: Field): RootKey {
  const type = field.at('type').oneOf(['ed25519', ...SSH_KEY_TYPES])
  const key = field.at('key')
  if (type === 'ed25519')
    return { type, key: key.spelled(isKeyHex, 'a public key (64 hex digits)') }
  const isOfType = (text: string): boolean => sshKeyOf(text)?.type === type
  return { type, key: key.spelled(isOfType, `the base64 of a key ${type}`, MAX_SSH_KEY_TEXT) }
}

export function encodeRootKey({ type, key }: RootKey): JsonObject {
  return { type, key }
}

export function isSameRootKey(a: RootKey, b: RootKey): boolean {
  return a.type === b.type && a.key === b.key
}

/** What a raw root key signs for a card. */
export function rootProofBytes(card: Uint8Array): Uint8Array {
  return concat(ROOT_DOMAIN, card)
}

/** Fails where the field is no proof by `rootKey` for these bytes. */
export function checkRootProof(
  field: Field,
  rootKey: RootKey,
  card: Uint8Array,
  crypto: Crypto,
): void {
  const proof = parseBase64(field.string(MAX_PROOF_TEXT))
  if (proof === undefined) field.fail('card-proof', 'is not canonical base64 with padding')
  if (!isProof(proof, rootKey, card, crypto)) {
    field.fail('card-proof', `does not verify under the root key ${rootKey.key}`)
  }
}

function isProof(proof: Uint8Array, rootKey: RootKey, card: Uint8Array, crypto: Crypto): boolean {
  if (rootKey.type === 'ed25519') {
    const publicKey = parseHex(rootKey.key)
    if (publicKey === undefined) return false
    return verifyStrict(publicKey, rootProofBytes(card), proof, crypto) === 'ok'
  }
  const signature = parseSshSignature(proof)
  const blob = parseBase64(rootKey.key)
  if (signature === undefined || blob === undefined) return false
  if (!equalBytes(encodeSshKey(signature.key), blob)) return false
  return isSshSignatureOf(signature, CARD_NAMESPACE, card, crypto)
}

/** For a person: the hex of a raw key, the fingerprint of an SSH key as `ssh-keygen -l` shows it. */
export function describeRootKey(rootKey: RootKey, crypto: Crypto): string {
  const ssh = rootKey.type === 'ed25519' ? undefined : sshKeyOf(rootKey.key)
  return ssh === undefined
    ? `${rootKey.type} ${rootKey.key}`
    : `${ssh.type} ${sshFingerprint(ssh, crypto)}`
}

function sshKeyOf(base64: string): ReturnType<typeof parseSshKey> {
  const blob = parseBase64(base64)
  return blob === undefined ? undefined : parseSshKey(blob)
}
