/**
 * The time that verdicts are judged by: max(clock, largest time written down). design.md section 6.
 *
 * A clock that is set back must not make old heads fresh again, so the readings of our own clock are
 * written down and never undercut. Nothing that others date raises it: whoever could would make
 * everybody else look stale. A clock that is far behind what was written down is not believed, since
 * time would seem to stand still until it has caught up.
 */
import type { UnixSeconds } from '../../protocol/identifiers.ts'
import { unixSeconds, type Clock } from '../clock.ts'
import type { RecordChange, RecordTable } from '../record-change.ts'

/** A clock may be behind by this much before it is called suspect; heads may be ahead by as much. */
const MAX_BEHIND_SECONDS = 600
const RECORD = 'time'

export class TrustedTime implements Clock {
  readonly #clock: Clock
  readonly #table: RecordTable
  #floor: UnixSeconds = 0

  constructor(components: { readonly clock: Clock; readonly table: RecordTable }) {
    this.#clock = components.clock
    this.#table = components.table
  }

  /** Reads what was written down; before anything is judged. */
  async load(): Promise<void> {
    const stored = await this.#table.get(RECORD)
    if (typeof stored === 'number') this.#floor = Math.max(this.#floor, stored)
  }

  now(): number {
    return Math.max(this.#clock.now(), this.#floor * 1000)
  }

  seconds(): UnixSeconds {
    return Math.floor(this.now() / 1000)
  }

  /** How far the clock is behind what was written down, in seconds, where that is too far. */
  get behind(): number | undefined {
    const behind = this.#floor - unixSeconds(this.#clock)
    return behind > MAX_BEHIND_SECONDS ? behind : undefined
  }

  /** What is written down; undefined where nothing is. */
  get floor(): UnixSeconds | undefined {
    return this.#floor === 0 ? undefined : this.#floor
  }

  /**
   * The change that takes back what a clock that was ahead has written down. For the person at the
   * machine alone, who says that the clock is right now: what is too old may seem fresh after it.
   */
  believingClock(): RecordChange {
    this.#floor = unixSeconds(this.#clock)
    return this.#table.putting(RECORD, this.#floor)
  }

  /** The change that writes down this moment, which is never undercut from then on. */
  writingDown(): RecordChange {
    this.#floor = this.seconds()
    return this.#table.putting(RECORD, this.#floor)
  }
}
