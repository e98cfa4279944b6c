/**
 * A card on its way: its bytes, and the proofs of those who have agreed to it so far.
 *
 * Each signing key agrees to a card with its own signature over its bytes, and the keys of one
 * operator may be on several machines. So a draft travels as a file from one to the next; nothing
 * in it is secret, and it is worth nothing until all have agreed, the root key among them.
 */
import type { Crypto } from '../protocol/crypto.ts'
import { parseBase64, utf8 } from '../protocol/bytes.ts'
import { createCardStatement, type CreatedStatement } from '../protocol/create-statement.ts'
import { Field, parseJsonField } from '../protocol/field.ts'
import {
  checkProof,
  encodeCard,
  encodeCardPredicate,
  MAX_CARD_LIFETIME_SECONDS,
  parseCardBytes,
  proveAsKey,
  proversOf,
  type CardFields,
  type CardProofs,
  type OperatorCard,
} from '../protocol/operator-card.ts'
import { isSameRootKey } from '../protocol/root-key.ts'
import type { Signer } from '../protocol/signer.ts'
import { StatementError } from '../protocol/statement-error.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import { ConfigError } from './config-error.ts'
import type { RootSigner } from './root-signer.ts'

const DRAFT_FORMAT = 1
const MAX_PROOF_TEXT = 1024
const DRAFT_LIMITS = { maxDepth: 8, maxStringLength: 64 * 1024 }

export interface CardDraft {
  readonly bytes: Uint8Array
  readonly card: OperatorCard
  readonly proofs: CardProofs
}

/** The card after this one, good for as long as one may be; `changes` say what else is new. */
export function draftAfter(
  { sid, body }: SignedStatement<OperatorCard>,
  changes: Partial<Omit<CardFields, 'follows' | 'followsSid' | 'issued' | 'expires'>>,
  now: number,
  crypto: Crypto,
): CardDraft {
  const { name, contact, claims, rootKey, keys } = body
  const bytes = encodeCard({
    name,
    contact,
    claims,
    rootKey,
    keys,
    ...changes,
    follows: body,
    followsSid: sid,
    issued: now,
    expires: now + MAX_CARD_LIFETIME_SECONDS,
  })
  return { bytes, card: parseCardBytes(bytes, crypto), proofs: { keys: {} } }
}

/** The same draft with the proofs that these can give. */
export async function prove(
  draft: CardDraft,
  { keys, roots }: { readonly keys: readonly Signer[]; readonly roots: readonly RootSigner[] },
): Promise<CardDraft> {
  const { bytes, card, proofs } = draft
  const proven = { ...proofs.keys }
  for (const key of keys) {
    if (card.keys.includes(key.publicKey)) proven[key.publicKey] = proveAsKey(bytes, key)
  }
  let { root, previous } = proofs
  for (const signer of roots) {
    if (isSameRootKey(signer.rootKey, card.rootKey)) root ??= await signer.prove(bytes)
    else if (card.previous !== undefined && isSameRootKey(signer.rootKey, card.previous.rootKey)) {
      previous ??= await signer.prove(bytes)
    }
  }
  return {
    ...draft,
    proofs: {
      ...(root === undefined ? {} : { root }),
      ...(previous === undefined ? {} : { previous }),
      keys: proven,
    },
  }
}

/** Who has not agreed yet: `root`, `previous`, or signing keys. */
export function missingProofs({ card, proofs }: CardDraft): readonly string[] {
  return proversOf(card).filter((prover) => {
    if (prover === 'root' || prover === 'previous') return proofs[prover] === undefined
    return proofs.keys[prover] === undefined
  })
}

/** The card as a statement, once nobody is missing. */
export function finishDraft(
  { bytes, proofs }: CardDraft,
  signer: Signer,
  crypto: Crypto,
): CreatedStatement<OperatorCard> {
  return createCardStatement(bytes, proofs, signer, crypto)
}

export function encodeDraft({ bytes, card, proofs }: CardDraft): string {
  const draft = {
    format: DRAFT_FORMAT,
    operator: card.operator,
    version: card.version,
    ...encodeCardPredicate(bytes, proofs),
  }
  return `${JSON.stringify(draft, null, 2)}\n`
}

/** Reads a draft; a proof that is there must be right. Throws ConfigError that names `where`. */
export function parseDraft(text: string, where: string, crypto: Crypto): CardDraft {
  try {
    return readDraft(parseJsonField(utf8(text), DRAFT_LIMITS), where, crypto)
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    throw new ConfigError('bad-value', `${where} is no good draft of a card: ${error.message}`, {
      cause: error,
    })
  }
}

function readDraft(field: Field, where: string, crypto: Crypto): CardDraft {
  if (field.at('format').integer(1, Number.MAX_SAFE_INTEGER) > DRAFT_FORMAT) {
    throw new ConfigError('newer-format', `${where} is of a newer format: update rebuildnet`)
  }
  const text: Field = field.at('card')
  const bytes = parseBase64(text.string(DRAFT_LIMITS.maxStringLength))
  if (bytes === undefined) text.fail('not-canonical', 'is not base64')
  const card = parseCardBytes(bytes, crypto)
  const proofs = field.at('proofs')
  const proofOf = (prover: string): Field =>
    prover === 'root' || prover === 'previous' ? proofs.at(prover) : proofs.at('keys').at(prover)
  const given = new Map<string, string>()
  for (const prover of proversOf(card)) {
    if (proofOf(prover).value === undefined) continue
    checkProof(proofs, prover, card, bytes, crypto)
    given.set(prover, proofOf(prover).string(MAX_PROOF_TEXT))
  }
  const { root, previous, ...keys } = Object.fromEntries(given)
  return {
    bytes,
    card,
    proofs: {
      ...(root === undefined ? {} : { root }),
      ...(previous === undefined ? {} : { previous }),
      keys,
    },
  }
}
