/**
 * Statements that were parsed before, by sid; the least recently used goes first.
 *
 * A sid names the content, so what was parsed once is what would be parsed again. Bytes are read
 * and held against the sid all the same: this saves the parsing, ten times the cost of the check.
 */
import type { Sid } from '../../protocol/identifiers.ts'
import type { SignedStatement } from '../../protocol/statement.ts'

/** Some 4 KB each. */
const MAX_CACHED_STATEMENTS = 8192

export class StatementCache {
  readonly #statements = new Map<Sid, SignedStatement>()
  readonly #max: number

  constructor(max: number = MAX_CACHED_STATEMENTS) {
    this.#max = max
  }

  get(sid: Sid): SignedStatement | undefined {
    const statement = this.#statements.get(sid)
    if (statement !== undefined) this.add(statement)
    return statement
  }

  delete(sid: Sid): void {
    this.#statements.delete(sid)
  }

  add(statement: SignedStatement): void {
    this.#statements.delete(statement.sid)
    this.#statements.set(statement.sid, statement)
    if (this.#statements.size <= this.#max) return
    const [oldest] = this.#statements.keys()
    if (oldest !== undefined) this.#statements.delete(oldest)
  }
}
