/**
 * The operator card: which signing keys one operator has, and what it says of itself.
 *
 * A card is bytes: its id, its digest and its proofs are over those bytes, which travel in base64
 * inside an `operator` statement. The root key and **each** signing key prove, under a domain of
 * their own, that they agree to the card, so that nobody can list another's key. A later version
 * names the card before it, and that card's root key agrees too; whether it really follows shows
 * only beside that card (card-chain.ts). protocol/README.md.
 */
import { concat, parseBase64, parseHex, toBase32, toBase64, toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import { verifyStrict } from './ed25519.ts'
import { compareText, parseJsonField, type Field } from './field.ts'
import type { KeyHex, OperatorId, Sid, UnixSeconds } from './identifiers.ts'
import { isKeyHex, isOperatorId, isSid } from './identifiers.ts'
import type { JsonObject } from './json.ts'
import { MAX_TIME } from './recipe.ts'
import { parseRevocations, type Revocation } from './revocation.ts'
import {
  checkRootProof,
  encodeRootKey,
  isSameRootKey,
  parseRootKey,
  rootProofBytes,
  type RootKey,
} from './root-key.ts'
import type { Signer } from './signer.ts'
import type { Subject } from './subject.ts'

const MAX_CARD_BYTES = 12 * 1024
/** A thief's fresh statements under an eclipse are bounded by this. */
export const MAX_CARD_LIFETIME_SECONDS = 180 * 24 * 3600
const MAX_CARD_KEYS = 16

const ID_DOMAIN = utf8('rebuildnet/operator/1\0')
const KEY_DOMAIN = utf8('rebuildnet/card-key/1\0')
const CARD_JSON_LIMITS = { maxDepth: 16, maxStringLength: 4096 }

export interface OperatorCard {
  readonly kind: 'operator'
  /** Id of the operator: derived from the bytes of its card of version 1; a later card names it. */
  readonly operator: OperatorId
  /** 1, 2, 3… */
  readonly version: number
  /**
   * The card before this one, by its digest, and the root key there; absent in version 1. `sid` is a
   * statement of that card, for whoever has to fetch it.
   */
  readonly previous?: {
    readonly cardDigest: string
    readonly rootKey: RootKey
    readonly sid?: Sid
  }
  readonly name: string
  readonly rootKey: RootKey
  /** Signing keys; each has proven that it agrees to be listed. */
  readonly keys: readonly KeyHex[]
  readonly contact: string
  /** Claims about where it runs (country, provider…); nobody checks them. */
  readonly claims: Readonly<Record<string, string>>
  /** Logs of its keys that end where it says; absent where there are none. */
  readonly revocations?: readonly Revocation[]
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

/** Everything that stands in a card, before it is bytes. */
export interface CardFields extends CardClaims {
  readonly rootKey: RootKey
  readonly keys: readonly KeyHex[]
  readonly revocations?: readonly Revocation[]
  /** The card that this one follows; absent for a first one. */
  readonly follows?: OperatorCard
  /** A statement of that card. */
  readonly followsSid?: Sid
}

/** Signatures over a card's bytes, in base64. */
export interface CardProofs {
  readonly root?: string
  /** By the root key of the card before, where that is another key. */
  readonly previous?: string
  readonly keys: Readonly<Record<KeyHex, string>>
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
  for (const prover of proversOf(card)) checkProof(proofs, prover, card, bytes, crypto)
  return card
}

/** Who must agree to a card: `root`, `previous` where its root key is another one, each signing key. */
export function proversOf(card: OperatorCard): readonly string[] {
  const { previous, rootKey, keys } = card
  const changed = previous !== undefined && !isSameRootKey(previous.rootKey, rootKey)
  return ['root', ...(changed ? ['previous'] : []), ...keys]
}

/** Fails where the proof of `prover` among `proofs` is missing or wrong. */
export function checkProof(
  proofs: Field,
  prover: string,
  { rootKey, previous }: OperatorCard,
  bytes: Uint8Array,
  crypto: Crypto,
): void {
  if (prover === 'root') checkRootProof(proofs.at('root'), rootKey, bytes, crypto)
  else if (prover === 'previous') {
    checkRootProof(proofs.at('previous'), previous?.rootKey ?? rootKey, bytes, crypto)
  } else checkKeyProof(proofs.at('keys').at(prover), prover, bytes, crypto)
}

/** The bytes of a card, as they are signed and never written again. */
export function encodeCard(fields: CardFields): Uint8Array<ArrayBuffer> {
  const {
    follows,
    followsSid,
    name,
    rootKey,
    contact,
    claims = {},
    revocations = [],
    issued,
    expires,
  } = fields
  const changed = follows !== undefined && !isSameRootKey(follows.rootKey, rootKey)
  const previous = {
    card: follows?.cardDigest ?? '',
    ...(followsSid === undefined ? {} : { sid: followsSid }),
    ...(changed ? { rootKey: encodeRootKey(follows.rootKey) } : {}),
  }
  return utf8(
    canonicalJson({
      version: (follows?.version ?? 0) + 1,
      ...(follows === undefined ? {} : { operator: follows.operator, previous }),
      name,
      rootKey: encodeRootKey(rootKey),
      keys: [...fields.keys].sort(compareText),
      contact,
      ...(Object.keys(claims).length === 0 ? {} : { claims: { ...claims } }),
      ...(revocations.length === 0
        ? {}
        : {
            revocations: revocations
              .map(({ origin, size, root }) => ({ origin, size, root }))
              .sort((a, b) => compareText(a.origin, b.origin)),
          }),
      issued,
      expires,
    }),
  )
}

/** The predicate of an `operator` statement. */
export function encodeCardPredicate(bytes: Uint8Array, proofs: CardProofs): JsonObject {
  const { root, previous, keys } = proofs
  return {
    card: toBase64(bytes),
    proofs: {
      ...(root === undefined ? {} : { root }),
      ...(previous === undefined ? {} : { previous }),
      keys: { ...keys },
    },
  }
}

/** The proof of a raw root key. */
export function proveAsRoot(bytes: Uint8Array, root: Signer): string {
  return toBase64(root.sign(rootProofBytes(bytes)))
}

/** The proof of a signing key. */
export function proveAsKey(bytes: Uint8Array, key: Signer): string {
  return toBase64(key.sign(concat(KEY_DOMAIN, bytes)))
}

/** The card's own bytes. */
export function operatorSubjects(card: Pick<OperatorCard, 'operator' | 'cardDigest'>): Subject[] {
  return [{ name: card.operator, digest: { sha256: card.cardDigest } }]
}

/** Reads the bytes of a card; who agrees to it is not looked at. */
export function parseCardBytes(bytes: Uint8Array, crypto: Crypto): OperatorCard {
  const card = parseJsonField(bytes, CARD_JSON_LIMITS)
  const version = card.at('version').integer(1, Number.MAX_SAFE_INTEGER)
  const rootKey = parseRootKey(card.at('rootKey'))
  const keys = card.at('keys').sortedList(MAX_CARD_KEYS, keyHex, compareText)
  if (keys.length === 0) card.at('keys').fail('not-canonical', 'lists no signing key')
  const issued = card.at('issued').integer(0, MAX_TIME)
  const expires = card.at('expires').integer(0, MAX_TIME)
  if (expires <= issued || expires - issued > MAX_CARD_LIFETIME_SECONDS) {
    card.at('expires').fail('card-lifetime', 'is not within 180 days after issued')
  }
  return {
    kind: 'operator',
    ...(version === 1
      ? { operator: `op1${toBase32(crypto.sha256(concat(ID_DOMAIN, bytes)))}` }
      : parseSuccession(card, rootKey)),
    version,
    name: card.at('name').text(128),
    rootKey,
    keys,
    contact: card.at('contact').text(256, { empty: true }),
    claims: card.optional('claims', (field) => field.stringMap(32, isClaimName, 256, 'text')) ?? {},
    issued,
    expires,
    cardDigest: toHex(crypto.sha256(bytes)),
  }
}

/** What only a later version has. */
function parseSuccession(
  card: Field,
  rootKey: RootKey,
): Pick<OperatorCard, 'operator' | 'previous' | 'revocations'> {
  const operator = card.at('operator').spelled(isOperatorId, 'an operator id ("op1…")')
  const previous = card.at('previous')
  const cardDigest = previous
    .at('card')
    .spelled(isDigestHex, 'the sha256 of a card (64 hex digits)')
  const other = previous.optional('rootKey', parseRootKey)
  if (other !== undefined && isSameRootKey(other, rootKey)) {
    previous.at('rootKey').fail('inconsistent', 'is the same key as rootKey: leave it out')
  }
  const sid = previous.optional('sid', (field) => field.spelled(isSid, 'a sid (64 hex digits)'))
  const revocations = card.optional('revocations', (field) => parseRevocations(field, operator))
  return {
    operator,
    previous: { cardDigest, rootKey: other ?? rootKey, ...(sid === undefined ? {} : { sid }) },
    ...(revocations === undefined ? {} : { revocations }),
  }
}

function keyHex(field: Field): KeyHex {
  return field.spelled(isKeyHex, 'a public key (64 hex digits)')
}

function isDigestHex(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function isClaimName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,63}$/.test(text)
}

function checkKeyProof(field: Field, key: KeyHex, bytes: Uint8Array, crypto: Crypto): void {
  const publicKey = parseHex(key)
  const signature = parseBase64(field.string(128))
  if (publicKey === undefined || signature === undefined) {
    field.fail('card-proof', 'is not canonical base64 with padding')
  }
  if (verifyStrict(publicKey, concat(KEY_DOMAIN, bytes), signature, crypto) !== 'ok') {
    field.fail('card-proof', `does not verify under ${key}`)
  }
}
