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

/** A clock may be behind by this much before it is called suspect; heads may be ahead by as much. */
const MAX_BEHIND_SECONDS = 600
const RECORD = 'time'

/** A change to be written, as a table makes it. */
interface RecordChange {
  readonly type: 'put' | 'del'
  readonly key: Uint8Array
}

interface TimeTable<Change extends RecordChange> {
  get(name: string): Promise<unknown>
  putting(name: string, value: unknown): Change
}

export class TrustedTime<Change extends RecordChange = RecordChange> implements Clock {
  readonly #clock: Clock
  readonly #table: TimeTable<Change>
  #floor: UnixSeconds = 0

  constructor(components: { readonly clock: Clock; readonly table: TimeTable<Change> }) {
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
  believingClock(): Change {
    this.#floor = unixSeconds(this.#clock)
    return this.#table.putting(RECORD, this.#floor)
  }

  /** The change that writes down this moment, which is never undercut from then on. */
  writingDown(): Change {
    this.#floor = this.seconds()
    return this.#table.putting(RECORD, this.#floor)
  }
}
