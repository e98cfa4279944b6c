/**
 * Which statements no verdict over the followed projects needs, and nothing that stays names.
 *
 * What stays: everything that this operator signed; everything that somebody whom the user named
 * said of a followed project, or of an image from which the policy leads to one; what voters said of
 * it, whoever they are, for those who join later; and whatever any of these names, through as many
 * steps as it takes. Of cards those of operators whose statements or logs are kept, those whose keys
 * more than one operator lists (such a key speaks for nobody), and new ones.
 *
 * What may go: strangers' statements after a week, statements about images that are not followed,
 * and cards of strangers of whom nothing else is here. Times are those that statements claim: one
 * that lies goes earlier or later, and comes back by sync where it is wanted.
 */
import type { ImageName, KeyHex, OperatorId, Sid, UnixSeconds } from '../protocol/identifiers.ts'
import { rulesFor, type Policy } from '../protocol/policy.ts'
import type { SignedStatement, StatementBody } from '../protocol/statement.ts'
import { statementTime } from '../protocol/statement-time.ts'

/** Unknown signers are not stored for longer. */
const STRANGER_SECONDS = 7 * 86_400

export interface RetentionTerms {
  /** Of the followed projects. */
  readonly images: Iterable<ImageName>
  readonly policy: Policy
  /** Operators that the user named, and the own one. */
  readonly wanted: ReadonlySet<OperatorId>
  readonly self: OperatorId
  /** Keys of logs that are kept, with the operators in whose name. */
  readonly logs: Iterable<{ readonly key: KeyHex; readonly operator: OperatorId }>
  readonly now: UnixSeconds
  /** What is younger stays, in seconds. */
  readonly olderThan: number
}

export type DisposableReason = 'stranger' | 'not-followed' | 'card'

export class Retention {
  readonly #terms: RetentionTerms
  readonly #followed: ReadonlySet<ImageName>
  readonly #mapped: ReadonlySet<ImageName>
  readonly #wantedKeys = new Set<KeyHex>()
  readonly #ownKeys = new Set<KeyHex>()
  readonly #listedBy = new Map<KeyHex, Set<OperatorId>>()
  /** Keys that voted, by image. */
  readonly #voters = new Set<string>()
  readonly #candidates = new Map<
    Sid,
    { readonly statement: SignedStatement; reason: DisposableReason }
  >()
  readonly #cards: SignedStatement[] = []
  readonly #kept = new Set<Sid>()
  readonly #keptKeys = new Set<KeyHex>()

  constructor(terms: RetentionTerms) {
    this.#terms = terms
    this.#followed = new Set(terms.images)
    this.#mapped = new Set(terms.policy.images.flatMap(({ repository }) => repository ?? []))
    for (const { key, operator } of terms.logs) {
      if (terms.wanted.has(operator)) this.#wantedKeys.add(key)
    }
  }

  /** First all of them: who a key speaks for, and who votes, must be known before anything is judged. */
  note({ key, body }: SignedStatement): void {
    if (body.kind === 'rebuild') this.#voters.add(`${key} ${body.image}`)
    if (body.kind !== 'operator') return
    const { wanted, self } = this.#terms
    // Also by cards that are not believed: they may be once another comes.
    for (const listed of body.keys) {
      this.#listedBy.set(listed, (this.#listedBy.get(listed) ?? new Set()).add(body.operator))
      if (wanted.has(body.operator)) this.#wantedKeys.add(listed)
      if (body.operator === self) this.#ownKeys.add(listed)
    }
  }

  /** Then all of them again. */
  judge(statement: SignedStatement): void {
    if (statement.body.kind === 'operator') {
      this.#cards.push(statement)
      return
    }
    const reason = this.#reason(statement)
    if (reason === undefined) this.#keep(statement)
    else this.#candidates.set(statement.sid, { statement, reason })
  }

  /** What may go, and why. */
  disposable(): ReadonlyMap<Sid, DisposableReason> {
    // What is kept may name what is not: that is kept then, and what it names.
    const named = [...this.#kept]
    for (let sid = named.pop(); sid !== undefined; sid = named.pop()) {
      const found = this.#candidates.get(sid)
      if (found === undefined) continue
      this.#candidates.delete(sid)
      this.#keep(found.statement)
      named.push(...namedIn(found.statement.body))
    }
    const found = new Map<Sid, DisposableReason>()
    for (const [sid, { reason }] of this.#candidates) found.set(sid, reason)
    const operators = this.#keptOperators()
    for (const { sid, body } of this.#cards) {
      if (body.kind === 'operator' && !operators.has(body.operator)) found.set(sid, 'card')
    }
    return found
  }

  #keep({ key, body }: SignedStatement): void {
    this.#keptKeys.add(key)
    for (const sid of namedIn(body)) this.#kept.add(sid)
  }

  #reason({ key, body }: SignedStatement): DisposableReason | undefined {
    if (body.kind === 'operator' || this.#ownKeys.has(key)) return undefined
    const { now, olderThan } = this.#terms
    const age = now - statementTime(body)
    if (!this.#matters(body.image)) return age >= olderThan ? 'not-followed' : undefined
    if (this.#wantedKeys.has(key) || this.#voters.has(`${key} ${body.image}`)) return undefined
    return age >= STRANGER_SECONDS ? 'stranger' : undefined
  }

  /** Whether some question about a followed project looks at statements of this image. */
  #matters(image: ImageName): boolean {
    if (this.#followed.has(image) || this.#mapped.has(image)) return true
    const { repository } = rulesFor(this.#terms.policy, image)
    return repository !== undefined && this.#followed.has(repository)
  }

  #keptOperators(): ReadonlySet<OperatorId> {
    const { wanted, logs, now } = this.#terms
    const kept = new Set<OperatorId>(wanted)
    for (const { operator } of logs) kept.add(operator)
    for (const [key, operators] of this.#listedBy) {
      if (operators.size > 1 || this.#keptKeys.has(key))
        for (const each of operators) kept.add(each)
    }
    for (const { body } of this.#cards) {
      if (body.kind !== 'operator' || now - body.issued >= STRANGER_SECONDS) continue
      kept.add(body.operator)
    }
    return kept
  }
}

/** Every other statement that this one names. */
function namedIn(body: StatementBody): readonly Sid[] {
  switch (body.kind) {
    case 'release':
      return body.publishes === undefined ? [] : [body.publishes]
    case 'rebuild':
      return [
        body.release,
        ...body.supersedes,
        ...(body.completes === undefined ? [] : [body.completes]),
        ...(body.reveals === undefined ? [] : [body.reveals.commitment]),
        ...(body.after ?? []),
      ]
    case 'commitment':
      return [body.release]
    case 'withdrawal':
      return [body.withdraws]
    case 'operator':
      return []
  }
}
