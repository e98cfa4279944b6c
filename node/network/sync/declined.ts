/**
 * Sids that a peer has and this node did not take, so that they are not fetched at every round.
 * Bounded, and forgotten after an hour: what is refused today may be wanted tomorrow.
 */
import type { Sid } from '../../../protocol/identifiers.ts'
import type { Clock } from '../../clock.ts'
import { DECLINED_MS, MAX_DECLINED } from './limits.ts'

export class Declined {
  readonly #clock: Clock
  /** When each was declined, oldest first. */
  readonly #times = new Map<Sid, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(sid: Sid): void {
    this.#times.delete(sid)
    this.#times.set(sid, this.#clock.now())
    if (this.#times.size <= MAX_DECLINED) return
    const [oldest] = this.#times.keys()
    if (oldest !== undefined) this.#times.delete(oldest)
  }

  has(sid: Sid): boolean {
    const time = this.#times.get(sid)
    return time !== undefined && this.#clock.now() - time < DECLINED_MS
  }

  clear(): void {
    this.#times.clear()
  }
}
