/**
 * The operator card: which signing keys one operator has, and what it says of itself.
 *
 * A card is bytes: its id, its digest and its proofs are over those bytes, which travel in base64
 * inside an `operator` statement. The root key and **each** signing key prove, under a domain of
 * their own, that they agree to the card, so that nobody can list another's key. This rebuildnet
 * reads version 1; a later version (rotation, SSH root keys) is left alone, not called wrong.
 * protocol/README.md.
 */
import { concat, parseBase64, parseHex, toBase32, toBase64, toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import { verifyStrict } from './ed25519.ts'
import { compareText, parseJsonField, type Field } from './field.ts'
import type { KeyHex, OperatorId, UnixSeconds } from './identifiers.ts'
import { isKeyHex } from './identifiers.ts'
import type { JsonObject } from './json.ts'
import { MAX_TIME } from './recipe.ts'
import type { Signer } from './signer.ts'
import type { Subject } from './subject.ts'

const MAX_CARD_BYTES = 12 * 1024
/** A thief's fresh statements under an eclipse are bounded by this. */
export const MAX_CARD_LIFETIME_SECONDS = 180 * 24 * 3600
const MAX_CARD_KEYS = 16

const ID_DOMAIN = utf8('rebuildnet/operator/1\0')
const ROOT_DOMAIN = utf8('rebuildnet/card-root/1\0')
const KEY_DOMAIN = utf8('rebuildnet/card-key/1\0')
const CARD_JSON_LIMITS = { maxDepth: 16, maxStringLength: 4096 }

export interface OperatorCard {
  readonly kind: 'operator'
  /** Id of the operator: derived from the bytes of its card of version 1. */
  readonly operator: OperatorId
  /** 1, 2, 3… */
  readonly version: number
  readonly name: string
  readonly rootKey: { readonly type: 'ed25519'; readonly key: KeyHex }
  /** Signing keys; each has proven that it agrees to be listed. */
  readonly keys: readonly KeyHex[]
  readonly contact: string
  /** Claims about where it runs (country, provider…); nobody checks them. */
  readonly claims: Readonly<Record<string, string>>
  readonly issued: UnixSeconds
  /** At most 180 days after `issued`. */
  readonly expires: UnixSeconds
  /** sha256 of the card's bytes, lowercase hex: what a policy pins. */
  readonly cardDigest: string
}

/** What an operator says of itself when it makes a card. */
export interface CardClaims {
  readonly name: string
  readonly contact: string
  readonly claims?: Readonly<Record<string, string>>
  readonly issued: UnixSeconds
  readonly expires: UnixSeconds
}

/** Reads and verifies the predicate of an `operator` statement that `signer` has signed. */
export function parseOperatorCard(predicate: Field, signer: KeyHex, crypto: Crypto): OperatorCard {
  const field: Field = predicate.at('card')
  const bytes = parseBase64(field.string((MAX_CARD_BYTES / 3) * 4))
  if (bytes === undefined) field.fail('not-canonical', 'is not canonical base64 with padding')
  const card = parseCardBytes(bytes, crypto)
  if (!card.keys.includes(signer)) {
    field.fail('card-signer', `does not list the key that signed it, ${signer}`)
  }
  const proofs = predicate.at('proofs')
  checkProof(proofs.at('root'), card.rootKey.key, concat(ROOT_DOMAIN, bytes), crypto)
  for (const key of card.keys) {
    checkProof(proofs.at('keys').at(key), key, concat(KEY_DOMAIN, bytes), crypto)
  }
  return card
}

/** A first card (version 1, one root key, one signing key): its bytes, and them with their proofs. */
export function createCard(
  claims: CardClaims,
  root: Signer,
  key: Signer,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly predicate: JsonObject } {
  const { name, contact, issued, expires } = claims
  const bytes = utf8(
    canonicalJson({
      version: 1,
      name,
      rootKey: { type: 'ed25519', key: root.publicKey },
      keys: [key.publicKey],
      contact,
      ...(Object.keys(claims.claims ?? {}).length === 0 ? {} : { claims: { ...claims.claims } }),
      issued,
      expires,
    }),
  )
  const proofs = {
    root: toBase64(root.sign(concat(ROOT_DOMAIN, bytes))),
    keys: { [key.publicKey]: toBase64(key.sign(concat(KEY_DOMAIN, bytes))) },
  }
  return { bytes, predicate: { card: toBase64(bytes), proofs } }
}

/** What the bytes of a card of version 1 are called. */
export function identifyCard(
  bytes: Uint8Array,
  crypto: Crypto,
): Pick<OperatorCard, 'operator' | 'cardDigest'> {
  return {
    operator: `op1${toBase32(crypto.sha256(concat(ID_DOMAIN, bytes)))}`,
    cardDigest: toHex(crypto.sha256(bytes)),
  }
}

/** The card's own bytes. */
export function operatorSubjects(card: Pick<OperatorCard, 'operator' | 'cardDigest'>): Subject[] {
  return [{ name: card.operator, digest: { sha256: card.cardDigest } }]
}

function parseCardBytes(bytes: Uint8Array, crypto: Crypto): OperatorCard {
  const card = parseJsonField(bytes, CARD_JSON_LIMITS)
  const version = card.at('version').integer(1, Number.MAX_SAFE_INTEGER)
  if (version !== 1) {
    card.at('version').fail('unknown-card-version', `is ${version}, this rebuildnet reads 1`)
  }
  const rootKey = card.at('rootKey')
  const type = rootKey.at('type').oneOf(['ed25519'])
  const keys = card.at('keys').sortedList(MAX_CARD_KEYS, keyHex, compareText)
  if (keys.length === 0) card.at('keys').fail('not-canonical', 'lists no signing key')
  const issued = card.at('issued').integer(0, MAX_TIME)
  const expires = card.at('expires').integer(0, MAX_TIME)
  if (expires <= issued || expires - issued > MAX_CARD_LIFETIME_SECONDS) {
    card.at('expires').fail('card-lifetime', 'is not within 180 days after issued')
  }
  return {
    kind: 'operator',
    ...identifyCard(bytes, crypto),
    version,
    name: card.at('name').text(128),
    rootKey: { type, key: keyHex(rootKey.at('key')) },
    keys,
    contact: card.at('contact').text(256, { empty: true }),
    claims: card.optional('claims', (field) => field.stringMap(32, isClaimName, 256, 'text')) ?? {},
    issued,
    expires,
  }
}

function keyHex(field: Field): KeyHex {
  return field.spelled(isKeyHex, 'a public key (64 hex digits)')
}

function isClaimName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,63}$/.test(text)
}

function checkProof(field: Field, key: KeyHex, message: Uint8Array, crypto: Crypto): void {
  const publicKey = parseHex(key)
  const signature = parseBase64(field.string(128))
  if (publicKey === undefined || signature === undefined) {
    field.fail('card-proof', 'is not canonical base64 with padding')
  }
  if (verifyStrict(publicKey, message, signature, crypto) !== 'ok') {
    field.fail('card-proof', `does not verify under ${key}`)
  }
}
