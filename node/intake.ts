/**
 * What follows from a statement that was stored, wherever it came from: the parts that keep a view
 * learn of it, the verdicts that it can change are asked again, listeners are told, and a release may
 * go on the queue.
 */
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Assignments } from './assignments.ts'
import type { StatementSummary } from './http/node-service.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'
import { takeOwnCard } from './own-card.ts'
import { describeStatement } from './service/statement-view.ts'
import { isRelease } from './tally.ts'

/** Statements of unknown signers tend to come together; one round of sync serves them all. */
const CARD_SYNC_DELAY_MS = 2_000
/** Of more statements that come at once all answers of their images are asked again. */
const MAX_TOUCHED = 500

export class Intake {
  readonly #parts: NodeParts
  readonly #assignments: Assignments
  readonly #logger: Logger
  #asking: NodeJS.Timeout | undefined

  constructor(parts: NodeParts, assignments: Assignments, logger: Logger) {
    this.#parts = parts
    this.#assignments = assignments
    this.#logger = logger
  }

  stored(statement: SignedStatement, bytes: Uint8Array): void {
    const { signers, logs, tally, blind } = this.#parts
    if (isCard(statement)) {
      signers.add(statement)
      void takeOwnCard(this.#parts, this.#logger).catch((error: unknown) => {
        this.#logger.error({ error: String(error) }, 'the newest own card was not taken')
      })
    }
    logs.stored(statement, bytes)
    tally.touch(statement)
    blind.consider()
    void this.#takeUp(statement, bytes).catch((error: unknown) => {
      this.#logger.error(
        { sid: statement.sid, error: String(error) },
        'a statement was not taken up',
      )
    })
  }

  /** Statements that were here have come under heads, and count now. */
  logged(statements: readonly SignedStatement[]): void {
    const { tally, blind } = this.#parts
    blind.consider()
    if (statements.length <= MAX_TOUCHED) {
      for (const statement of statements) tally.touch(statement)
      return
    }
    const images = statements.flatMap(({ body }) => (body.kind === 'operator' ? [] : [body.image]))
    tally.touchImages(new Set(images))
  }

  async #takeUp(statement: SignedStatement, bytes: Uint8Array): Promise<void> {
    const { signers, network } = this.#parts
    this.#tell(statement, bytes)
    if (network === undefined) return
    // Whose word it is stands on a card that is not here yet: without it nothing is counted.
    if (signers.operatorOf(statement.key) === undefined) this.#askForCards()
    if (isRelease(statement)) await this.#assignments.consider(statement)
    // A card may be what tells whose word a release is that came before it.
    const isWanted = isCard(statement) && this.#parts.wanted().has(statement.body.operator)
    if (isWanted) await this.#assignments.considerAll()
  }

  /** In a first sync nobody looks at most of them: it is described for whoever does, and once. */
  #tell(statement: SignedStatement, bytes: Uint8Array): void {
    const { signers } = this.#parts
    let summary: StatementSummary | undefined
    this.#parts.emit({
      type: 'statement',
      get data() {
        return (summary ??= describeStatement(statement, bytes, signers))
      },
    })
  }

  #askForCards(): void {
    if (this.#asking !== undefined) return
    this.#asking = setTimeout(() => {
      this.#asking = undefined
      this.#parts.network?.sync().catch((error: unknown) => {
        this.#logger.warn({ error: String(error) }, 'a sync failed')
      })
    }, CARD_SYNC_DELAY_MS)
    this.#asking.unref()
  }
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
