/**
 * From a value to signed bytes. Whatever openStatement would refuse is refused here, before
 * anybody else sees it: what is signed cannot be unsaid. protocol/README.md.
 */
import { parseHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { preAuthEncoding } from './dsse.ts'
import { encodeEnvelope } from './envelope.ts'
import { encodeInToto, encodePayload } from './in-toto.ts'
import { openStatement } from './open-statement.ts'
import {
  encodeCard,
  encodeCardPredicate,
  operatorSubjects,
  parseCardBytes,
  proveAsKey,
  proveAsRoot,
  type CardClaims,
  type CardProofs,
  type OperatorCard,
} from './operator-card.ts'
import type { Signer } from './signer.ts'
import type { SignedStatement, StatementBody } from './statement.ts'

export interface CreatedStatement<Body extends StatementBody = StatementBody> {
  /** The binary form. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly statement: SignedStatement<Body>
}

/** Signs `body`; throws StatementError where the result could not be opened again. */
export function createStatement<Body extends Exclude<StatementBody, OperatorCard>>(
  body: Body,
  signer: Signer,
  crypto: Crypto,
): CreatedStatement<Body> {
  return sign<Body>(encodePayload(body), signer, crypto)
}

/** Signs a card that all whom it names have agreed to, with one of the keys that it lists. */
export function createCardStatement(
  card: Uint8Array,
  proofs: CardProofs,
  signer: Signer,
  crypto: Crypto,
): CreatedStatement<OperatorCard> {
  const subjects = operatorSubjects(parseCardBytes(card, crypto))
  const payload = encodeInToto('operator', subjects, encodeCardPredicate(card, proofs))
  return sign<OperatorCard>(payload, signer, crypto)
}

/** Makes an operator's first card, with one raw root key and one signing key. */
export function createOperatorStatement(
  claims: CardClaims,
  root: Signer,
  key: Signer,
  crypto: Crypto,
): CreatedStatement<OperatorCard> {
  const rootKey = { type: 'ed25519', key: root.publicKey } as const
  const card = encodeCard({ ...claims, rootKey, keys: [key.publicKey] })
  const proofs = { root: proveAsRoot(card, root), keys: { [key.publicKey]: proveAsKey(card, key) } }
  return createCardStatement(card, proofs, key, crypto)
}

function sign<Body extends StatementBody>(
  payload: Uint8Array,
  signer: Signer,
  crypto: Crypto,
): CreatedStatement<Body> {
  const publicKey = parseHex(signer.publicKey)
  if (publicKey === undefined) throw new Error(`not a public key: ${signer.publicKey}`)
  const signature = signer.sign(preAuthEncoding(payload))
  const bytes = encodeEnvelope({ publicKey, signature, payload })
  // The kind that comes out is the kind that went in: it stands in the payload.
  const statement = openStatement(bytes, crypto) as SignedStatement<Body>
  return { bytes, statement }
}
