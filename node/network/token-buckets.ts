/**
 * Budgets by name: each name may spend `capacity` at once, and gets one back every `refillMs`.
 *
 * The number of names is bounded. The one that was quiet longest is forgotten first, which gives
 * it a full budget again: a bound on memory, so it is never the only bound on a peer.
 */
import type { Clock } from '../clock.ts'

export interface TokenBucketOptions {
  readonly capacity: number
  readonly refillMs: number
  readonly maxNames: number
}

interface Bucket {
  tokens: number
  updated: number
}

export class TokenBuckets {
  readonly #clock: Clock
  readonly #options: TokenBucketOptions
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock, options: TokenBucketOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** Spends one; false where nothing is left. */
  take(name: string): boolean {
    const { capacity, refillMs, maxNames } = this.#options
    const now = this.#clock.now()
    const bucket = this.#buckets.get(name) ?? { tokens: capacity, updated: now }
    // A clock that is set back must not take a budget away.
    const passed = Math.max(0, now - bucket.updated)
    bucket.tokens = Math.min(capacity, bucket.tokens + passed / refillMs)
    bucket.updated = now
    this.#buckets.delete(name)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > maxNames) {
      const [quietest] = this.#buckets.keys()
      if (quietest !== undefined) this.#buckets.delete(quietest)
    }
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
