/**
 * How much of the time goes into asking answers again while statements go on coming.
 *
 * In a first sync each answer would be asked again for each of its votes, and the sync would wait for
 * it. Here it gets a tenth of the time until no more come, and all of it then. Only what is told
 * unasked comes later by that: whoever asks is answered from what is stored.
 */

/** Of a second in which statements come, the rest is for whatever stores them. */
const REST_FACTOR = 9
/** What does not take longer than this at a stretch never waits: a vote that comes alone. */
const FREE_MS = 50
/** So long after the last statement no more are waited for. */
const QUIET_MS = 1_000

export class TallyPace {
  #cameAt = -Infinity
  /** When all rests that are due would be over. */
  #owedUntil = 0
  #wake: (() => void) | undefined
  #hurried = 0
  #stopped = false

  /** A statement has come. */
  came(): void {
    this.#cameAt = performance.now()
  }

  /** Does one piece of the work, when its time has come. */
  async pace<T>(work: () => Promise<T>): Promise<T> {
    while (this.#mustRest()) await this.#rest()
    const began = performance.now()
    try {
      return await work()
    } finally {
      const now = performance.now()
      this.#owedUntil = Math.max(this.#owedUntil, now) + (now - began) * REST_FACTOR
    }
  }

  /** Nothing rests until `done` has settled. */
  async hurry(done: () => Promise<void>): Promise<void> {
    this.#hurried++
    this.#wake?.()
    try {
      await done()
    } finally {
      this.#hurried--
    }
  }

  /** Nothing rests from now on. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  #mustRest(): boolean {
    if (this.#stopped || this.#hurried > 0) return false
    const now = performance.now()
    const isQuiet = now - this.#cameAt > QUIET_MS
    // What was owed in a rush is not asked back in the next one.
    if (isQuiet) this.#owedUntil = 0
    return this.#owedUntil - now > FREE_MS * REST_FACTOR
  }

  async #rest(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const owed = this.#owedUntil - performance.now()
    const timer = setTimeout(resolve, Math.min(owed, QUIET_MS))
    this.#wake = resolve
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }
}
