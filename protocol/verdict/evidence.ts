/** The statements of one question, each once, by what they are good for. */
import type { Commitment } from '../blind/commitment.ts'
import type { ImageName, InputDigest, Sid } from '../identifiers.ts'
import type { OperatorCard } from '../operator-card.ts'
import type { Rebuild } from '../rebuild.ts'
import type { Release, SignedOutline } from '../release.ts'
import type { SignedStatement, StatementBody } from '../statement.ts'
import type { Withdrawal } from '../withdrawal.ts'

export interface Evidence {
  /** Whole, or in outline. */
  readonly releases: readonly (SignedStatement<Release> | SignedOutline)[]
  readonly rebuilds: ReadonlyMap<InputDigest, readonly SignedStatement<Rebuild>[]>
  readonly commitments: ReadonlyMap<InputDigest, readonly SignedStatement<Commitment>[]>
  readonly withdrawals: readonly SignedStatement<Withdrawal>[]
  readonly cards: readonly SignedStatement<OperatorCard>[]
}

/** Cards and withdrawals of everything; releases, rebuilds and commitments of `images`. */
export function sortEvidence(
  statements: Iterable<SignedStatement>,
  images: ReadonlySet<ImageName>,
  outlines: Iterable<SignedOutline> = [],
): Evidence {
  const seen = new Set<Sid>()
  const releases: (SignedStatement<Release> | SignedOutline)[] = []
  const rebuilds = new Map<InputDigest, SignedStatement<Rebuild>[]>()
  const commitments = new Map<InputDigest, SignedStatement<Commitment>[]>()
  const withdrawals: SignedStatement<Withdrawal>[] = []
  const cards: SignedStatement<OperatorCard>[] = []
  for (const statement of statements) {
    if (seen.has(statement.sid)) continue
    seen.add(statement.sid)
    if (isOf(statement, 'operator')) cards.push(statement)
    else if (isOf(statement, 'withdrawal')) withdrawals.push(statement)
    else if (isOf(statement, 'release')) {
      if (images.has(statement.body.image)) releases.push(statement)
    } else if (isOf(statement, 'rebuild') && images.has(statement.body.image)) {
      append(rebuilds, statement)
    } else if (isOf(statement, 'commitment') && images.has(statement.body.image)) {
      append(commitments, statement)
    }
  }
  for (const outline of outlines) {
    if (seen.has(outline.sid) || !images.has(outline.body.image)) continue
    seen.add(outline.sid)
    releases.push(outline)
  }
  return { releases, rebuilds, commitments, withdrawals, cards }
}

function append<Body extends Rebuild | Commitment>(
  index: Map<InputDigest, SignedStatement<Body>[]>,
  statement: SignedStatement<Body>,
): void {
  const sameInput = index.get(statement.body.inputDigest) ?? []
  sameInput.push(statement)
  index.set(statement.body.inputDigest, sameInput)
}

function isOf<K extends StatementBody['kind']>(
  statement: SignedStatement,
  kind: K,
): statement is SignedStatement<Extract<StatementBody, { readonly kind: K }>> {
  return statement.body.kind === kind
}
