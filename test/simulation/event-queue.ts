/** Virtual time: what is to happen, in its order. What falls on one moment happens as it was asked for. */

interface Event {
  readonly time: number
  readonly number: number
  readonly name: string
  readonly happen: () => void
}

export class EventQueue {
  /** A binary heap. */
  readonly #events: Event[] = []
  #made = 0
  #now: number
  /** How many have happened. */
  steps = 0

  constructor(now: number) {
    this.#now = now
  }

  /** Seconds; the true time, which no node knows. */
  get now(): number {
    return this.#now
  }

  at(time: number, name: string, happen: () => void): void {
    const event = { time: Math.max(time, this.#now), number: this.#made++, name, happen }
    const events = this.#events
    let i = events.length
    events.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(event, events[parent] as Event)) break
      events[i] = events[parent] as Event
      i = parent
    }
    events[i] = event
  }

  after(seconds: number, name: string, happen: () => void): void {
    this.at(this.#now + seconds, name, happen)
  }

  /** Takes out the next event up to `end`, and moves on to its time. */
  next(end: number): Event | undefined {
    const events = this.#events
    const first = events[0]
    if (first === undefined || first.time > end) {
      this.#now = Math.max(this.#now, end)
      return undefined
    }
    const last = events.pop() as Event
    if (events.length > 0) this.#sink(last)
    this.#now = first.time
    this.steps++
    return first
  }

  #sink(event: Event): void {
    const events = this.#events
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= events.length) break
      const right = events[child + 1]
      if (right !== undefined && isBefore(right, events[child] as Event)) child++
      if (isBefore(event, events[child] as Event)) break
      events[i] = events[child] as Event
      i = child
    }
    events[i] = event
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.number < b.number)
}
