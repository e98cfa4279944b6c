/**
 * How hosts that throttle are asked again, within the patience of whoever asks.
 *
 * A step gives up on a connection that is silent for half a minute (apt), so that is all the time
 * there is. Whoever asks for more is not waited for: the step gets the answer, and the queue comes
 * back when it was told to. Jitter, since many nodes begin with the same release.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { retryAfterMs } from '../../system/retry-after.ts'

/** All that one request is held back, in all its attempts. */
const PATIENCE_MS = 25_000
const MAX_ATTEMPTS = 5
const FIRST_PAUSE_MS = 1_000
/** Of a pause, at most, on top of it. */
const JITTER = 0.5

const THROTTLED = [429, 503]

export interface ThrottleComponents {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** From 0 to below 1. */
  readonly random: () => number
}

const system: ThrottleComponents = {
  now: () => performance.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal }),
  random: Math.random,
}

/** One request to a host, over all its attempts. */
export interface Visit {
  readonly host: string
  /** When whoever asks has no more patience. */
  readonly until: number
  attempts: number
}

export class Throttle {
  readonly #components: ThrottleComponents
  /** When a host may be asked again. */
  readonly #free = new Map<string, number>()

  constructor(components: ThrottleComponents = system) {
    this.#components = components
  }

  begin(host: string): Visit {
    return { host, until: this.#components.now() + PATIENCE_MS, attempts: 0 }
  }

  /** Holds the request back while its host wants to be left alone; rejects once `signal` aborts. */
  async ready({ host, until }: Visit, signal: AbortSignal): Promise<void> {
    const { now, wait } = this.#components
    const free = this.#free.get(host) ?? 0
    if (free > now() && free <= until) await wait(free - now(), signal)
  }

  /** Whether the host is to be asked once more (`ready` says when), in place of taking its answer. */
  shouldRepeat(visit: Visit, status: number, retryAfter: string | undefined): boolean {
    visit.attempts++
    if (!isThrottled(status)) return false
    const { now, random } = this.#components
    const backoff = FIRST_PAUSE_MS * 2 ** (visit.attempts - 1)
    const pause = Math.max(backoff, retryAfterMs(retryAfter) ?? 0) + random() * JITTER * backoff
    const free = now() + pause
    this.#free.set(visit.host, Math.max(free, this.#free.get(visit.host) ?? 0))
    return visit.attempts < MAX_ATTEMPTS && free <= visit.until
  }
}

export function isThrottled(status: number): boolean {
  return THROTTLED.includes(status)
}
