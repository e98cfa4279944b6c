/** How many at once, and when again. */
import { setTimeout as wait } from 'node:timers/promises'
import { MAX_ATTEMPTS, RETRY_MS } from './limits.ts'

/** Runs at most `permits` tasks at once, the others in the order in which they came. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(permits: number) {
    this.#free = permits
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

/** Tries until it succeeds, the attempts are used up, or the error is not worth another one. */
export async function retry<T>(
  task: () => Promise<T>,
  mayRetry: (error: unknown) => boolean,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task()
    } catch (error) {
      if (!mayRetry(error) || attempt >= MAX_ATTEMPTS) throw error
      // Those who were turned away together should not come back together.
      const pause = RETRY_MS * 2 ** (attempt - 1) * (0.5 + Math.random())
      await wait(pause, undefined, { signal })
    }
  }
}

/** In random order, so that a peer cannot choose when it is asked. */
export function shuffled(peers: Iterable<string>): string[] {
  const ranked = [...peers].map((peer) => ({ peer, rank: Math.random() }))
  return ranked.sort((a, b) => a.rank - b.rank).map(({ peer }) => peer)
}
