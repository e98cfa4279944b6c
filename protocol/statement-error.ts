/**
 * Why a statement is not taken: a closed set of codes, and for each what a peer that sent it deserves.
 *
 * `reject` is only for what is wrong on every node for ever. What a later version may make right
 * (a kind, a profile or a value that this one does not know), and what depends on which other
 * statements a node holds, is `ignore`: else the first schema change would split the network.
 * protocol/README.md and 7.
 */
import type { JsonErrorCode } from './json.ts'

export type Disposition = 'reject' | 'ignore'

export type StatementErrorCode =
  | JsonErrorCode
  // Envelope
  | 'too-large'
  | 'truncated'
  | 'unknown-version'
  | 'weak-key'
  | 'bad-signature'
  | 'dsse-malformed'
  | 'dsse-payload-type'
  | 'dsse-signature-count'
  | 'dsse-unknown-key'
  // in-toto layer
  | 'unknown-statement-type'
  | 'unknown-predicate-type'
  | 'subject-mismatch'
  // Fields
  | 'missing-field'
  | 'unknown-field'
  | 'wrong-type'
  | 'out-of-range'
  | 'too-long'
  | 'not-canonical'
  | 'not-sorted'
  | 'inconsistent'
  | 'unknown-enum-value'
  | 'unknown-profile'
  // Operator cards
  | 'card-proof'
  | 'card-signer'
  | 'card-lifetime'
  // A rebuild against its release
  | 'release-mismatch'
  | 'input-digest-mismatch'

const DISPOSITIONS: Readonly<Record<StatementErrorCode, Disposition>> = {
  'json-syntax': 'reject',
  'json-not-utf8': 'reject',
  'json-duplicate-key': 'reject',
  'json-number': 'reject',
  'json-depth': 'reject',
  'json-string-too-long': 'reject',
  'too-large': 'reject',
  truncated: 'reject',
  'unknown-version': 'ignore',
  'weak-key': 'reject',
  'bad-signature': 'reject',
  'dsse-malformed': 'reject',
  'dsse-payload-type': 'reject',
  'dsse-signature-count': 'reject',
  // Only the importer lacks the key; the envelope may be good.
  'dsse-unknown-key': 'ignore',
  'unknown-statement-type': 'ignore',
  'unknown-predicate-type': 'ignore',
  'subject-mismatch': 'reject',
  'missing-field': 'reject',
  'unknown-field': 'reject',
  'wrong-type': 'reject',
  'out-of-range': 'reject',
  'too-long': 'reject',
  'not-canonical': 'reject',
  'not-sorted': 'reject',
  inconsistent: 'reject',
  'unknown-enum-value': 'ignore',
  'unknown-profile': 'ignore',
  'card-proof': 'reject',
  'card-signer': 'reject',
  'card-lifetime': 'reject',
  // A node that does not hold the release cannot see these, and has passed the rebuild on in good faith.
  'release-mismatch': 'ignore',
  'input-digest-mismatch': 'ignore',
}

export const STATEMENT_ERROR_CODES = Object.keys(DISPOSITIONS) as readonly StatementErrorCode[]

/** What the sender of a statement with this fault deserves. */
export function dispositionOf(code: StatementErrorCode): Disposition {
  return DISPOSITIONS[code]
}

export class StatementError extends Error {
  override readonly name = 'StatementError'
  readonly code: StatementErrorCode
  /** Where in the statement, such as `predicate.recipe.builders[0].name`; empty for the whole. */
  readonly path: string

  constructor(code: StatementErrorCode, path: string, message: string, cause?: unknown) {
    super(path === '' ? message : `${path}: ${message}`, cause === undefined ? {} : { cause })
    this.code = code
    this.path = path
  }

  get disposition(): Disposition {
    return dispositionOf(this.code)
  }
}
