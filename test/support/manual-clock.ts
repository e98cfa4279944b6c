import type { Clock } from '../../node/clock.ts'

/** A clock that stands still until it is told. */
export class ManualClock implements Clock {
  #now: number

  constructor(seconds = 1_800_000_000) {
    this.#now = seconds * 1000
  }

  now(): number {
    return this.#now
  }

  advance(seconds: number): void {
    this.#now += seconds * 1000
  }
}
