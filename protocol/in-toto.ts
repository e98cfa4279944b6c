/**
 * The in-toto Statement v1 around each predicate. Members that are not known are ignored, as its
 * specification asks; a predicate type that is not known is not an error of whoever sent it.
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
import { commitmentSubjects, encodeCommitment, parseCommitment } from './blind/commitment.ts'
import { utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import { parseJsonField, type Field } from './field.ts'
import type { KeyHex } from './identifiers.ts'
import type { JsonObject } from './json.ts'
import { operatorSubjects, parseOperatorCard } from './operator-card.ts'
import { encodeRebuild, parseRebuild, rebuildSubjects } from './rebuild.ts'
import { encodeRelease, parseRelease, releaseSubjects } from './release.ts'
import type { StatementBody, StatementKind } from './statement.ts'
import { checkSubjects, encodeSubjects, type Subject } from './subject.ts'
import { encodeWithdrawal, parseWithdrawal, withdrawalSubjects } from './withdrawal.ts'
import type { OperatorCard } from './operator-card.ts'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const STATEMENT_KINDS = ['release', 'rebuild', 'commitment', 'withdrawal', 'operator'] as const
const MAX_DEPTH = 16
/** The longest string anywhere; an operator card in base64 is the only one of that size. */
const MAX_STRING_LENGTH = 16 * 1024

function predicateTypeOf(kind: StatementKind): string {
  return `https://rebuildnet.dev/${kind}/v1`
}

/** Reads the payload of a statement whose signature by `signer` has been verified. */
export function parsePayload(payload: Uint8Array, signer: KeyHex, crypto: Crypto): StatementBody {
  const statement = parseJsonField(payload, {
    maxDepth: MAX_DEPTH,
    maxStringLength: MAX_STRING_LENGTH,
  })
  const type = statement.at('_type')
  if (type.string(256) !== STATEMENT_TYPE) {
    type.fail('unknown-statement-type', `is not ${STATEMENT_TYPE}`)
  }
  const predicateType: Field = statement.at('predicateType')
  const name = predicateType.string(256)
  const kind = STATEMENT_KINDS.find((each) => predicateTypeOf(each) === name)
  if (kind === undefined) {
    predicateType.fail('unknown-predicate-type', 'is no kind of statement that is known here')
  }
  const body = parsePredicate(kind, statement.at('predicate'), signer, crypto)
  checkSubjects(statement.at('subject'), subjectsOf(body))
  return body
}

/** The payload bytes of a statement other than an operator card: canonical JSON. */
export function encodePayload(body: Exclude<StatementBody, OperatorCard>): Uint8Array<ArrayBuffer> {
  return encodeInToto(body.kind, subjectsOf(body), encodePredicate(body))
}

export function encodeInToto(
  kind: StatementKind,
  subjects: readonly Subject[],
  predicate: JsonObject,
): Uint8Array<ArrayBuffer> {
  return utf8(
    canonicalJson({
      _type: STATEMENT_TYPE,
      subject: encodeSubjects(subjects),
      predicateType: predicateTypeOf(kind),
      predicate,
    }),
  )
}

function parsePredicate(
  kind: StatementKind,
  predicate: Field,
  signer: KeyHex,
  crypto: Crypto,
): StatementBody {
  switch (kind) {
    case 'release':
      return parseRelease(predicate)
    case 'rebuild':
      return parseRebuild(predicate)
    case 'commitment':
      return parseCommitment(predicate)
    case 'withdrawal':
      return parseWithdrawal(predicate)
    case 'operator':
      return parseOperatorCard(predicate, signer, crypto)
  }
}

function encodePredicate(body: Exclude<StatementBody, OperatorCard>): JsonObject {
  switch (body.kind) {
    case 'release':
      return encodeRelease(body)
    case 'rebuild':
      return encodeRebuild(body)
    case 'commitment':
      return encodeCommitment(body)
    case 'withdrawal':
      return encodeWithdrawal(body)
  }
}

function subjectsOf(body: StatementBody): Subject[] {
  switch (body.kind) {
    case 'release':
      return releaseSubjects(body)
    case 'rebuild':
      return rebuildSubjects(body)
    case 'commitment':
      return commitmentSubjects(body)
    case 'withdrawal':
      return withdrawalSubjects(body)
    case 'operator':
      return operatorSubjects(body)
  }
}
