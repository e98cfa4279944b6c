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
  createCard,
  identifyCard,
  operatorSubjects,
  type CardClaims,
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

/** Makes an operator's first card and signs it with the one key that it lists. */
export function createOperatorStatement(
  claims: CardClaims,
  root: Signer,
  key: Signer,
  crypto: Crypto,
): CreatedStatement<OperatorCard> {
  const { bytes, predicate } = createCard(claims, root, key)
  const subjects = operatorSubjects(identifyCard(bytes, crypto))
  return sign<OperatorCard>(encodeInToto('operator', subjects, predicate), key, crypto)
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
