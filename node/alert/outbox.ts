/**
 * What is still to be delivered, for each sink in the order in which it happened.
 *
 * A delivery is written in the batch of the alert that it tells of, and goes when its sink has taken
 * it: neither a crash between the two nor a restart loses one. A crash after the sink took it and
 * before that was written delivers it again, under the same id.
 */
import { randomUUID } from 'node:crypto'
import type { AlertEvent } from './alert.ts'
import type { RecordChange } from '../record-change.ts'
import type { AlertStore } from './alert-store.ts'

export interface Delivery {
  /** The same in every attempt, so that a receiver can tell a repetition. */
  readonly id: string
  readonly event: AlertEvent
  /** Attempts that failed. */
  readonly attempts: number
  /** Why the last one did; null before the first. */
  readonly failure: string | null
}

/** A delivery and where it stands in its sink's queue. */
export interface QueuedDelivery {
  readonly name: string
  readonly delivery: Delivery
}

export interface OutboxInit {
  /** Names of the sinks; each gets every event. No name holds a slash. */
  readonly sinks: readonly string[]
}

const NUMBER_DIGITS = 12

export class Outbox {
  readonly #store: AlertStore
  readonly #sinks: readonly string[]
  #nextNumber = 0
  #additions = 0
  #waiting: (() => void)[] = []

  constructor(components: { readonly store: AlertStore }, init: OutboxInit) {
    this.#store = components.store
    this.#sinks = init.sinks
  }

  /** Continues the numbers of the queues that are stored; before anything else. */
  async load(): Promise<void> {
    for (const sink of this.#sinks) {
      const [last] = await this.#store.deliveries.range({
        ...rangeOf(sink),
        reverse: true,
        limit: 1,
      })
      if (last === undefined) continue
      const number = Number(last[0].slice(sink.length + 1))
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
    }
  }

  /** The changes that queue `events` for every sink; they take effect when they are written. */
  queueing(events: readonly AlertEvent[]): RecordChange[] {
    return events.flatMap((event) => {
      const number = String(this.#nextNumber++).padStart(NUMBER_DIGITS, '0')
      return this.#sinks.map((sink) => {
        const delivery: Delivery = { id: randomUUID(), event, attempts: 0, failure: null }
        return this.#store.deliveries.putting(`${sink}/${number}`, delivery)
      })
    })
  }

  /** Tells waiting sinks that what `queueing` returned has been written. */
  announce(): void {
    this.#additions++
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The oldest delivery of `sink`, as soon as there is one. Rejects when the signal aborts. */
  async next(sink: string, signal: AbortSignal): Promise<QueuedDelivery> {
    for (;;) {
      signal.throwIfAborted()
      const seen = this.#additions
      const [first] = await this.#store.deliveries.range({ ...rangeOf(sink), limit: 1 })
      if (first !== undefined) return { name: first[0], delivery: first[1] as Delivery }
      signal.throwIfAborted()
      if (this.#additions === seen) await this.#addition(signal)
    }
  }

  /** How many deliveries wait for `sink`. */
  async count(sink: string): Promise<number> {
    return (await this.#store.deliveries.range(rangeOf(sink))).length
  }

  async recordFailure(queued: QueuedDelivery, attempts: number, failure: string): Promise<void> {
    const delivery: Delivery = { ...queued.delivery, attempts, failure }
    await this.#store.write([this.#store.deliveries.putting(queued.name, delivery)])
  }

  /** The sink has taken it. */
  async remove(queued: QueuedDelivery): Promise<void> {
    await this.#store.write([this.#store.deliveries.deleting(queued.name)], { sync: true })
  }

  #addition(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(() => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
    })
  }
}

/** `0` is the character after `/`. */
function rangeOf(sink: string): { readonly gte: string; readonly lt: string } {
  return { gte: `${sink}/`, lt: `${sink}0` }
}
