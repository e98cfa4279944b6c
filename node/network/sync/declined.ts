/**
 * What a peer has and this node did not take, so that it is not fetched at every round. The book notes
 * it at the leaves that list it, whoever wrote them, so there is no bound that somebody could use up.
 * It is forgotten after an hour: what is refused today may be wanted tomorrow. What another key has
 * signed than that of the log is never asked for again.
 */
import type { Sid } from '../../../protocol/identifiers.ts'
import type { LogBook } from '../../../protocol/log/log-book.ts'
import type { OpenedStatement } from '../../../protocol/sync/steps.ts'
import type { Clock } from '../../clock.ts'
import { DECLINED_MS } from './limits.ts'

export class Declined {
  readonly #clock: Clock
  readonly #book: LogBook
  /** Since when something is declined. */
  #since: number | undefined

  constructor(clock: Clock, book: LogBook) {
    this.#clock = clock
    this.#book = book
  }

  /** One that cannot be read here. */
  add(sid: Sid): void {
    this.#since ??= this.#clock.now()
    this.#book.declineBody(sid)
  }

  /** One that was verified; it may yet show that its log is none of its signer. */
  refused({ statement, bytes }: OpenedStatement): void {
    this.#since ??= this.#clock.now()
    this.#book.bodyArrived(statement, bytes, false)
  }

  /** Before something is asked for. */
  forgetOld(): void {
    if (this.#since !== undefined && this.#clock.now() - this.#since >= DECLINED_MS) this.clear()
  }

  clear(): void {
    this.#since = undefined
    this.#book.forgetDeclined()
  }
}
