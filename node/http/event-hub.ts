/**
 * The node's events, numbered, with a bounded memory of the last ones.
 *
 * A listener that was away names the last id it saw and gets what it missed, as long as that is
 * still remembered; else it is told to read the state anew. An id is `<run>-<n>`, and a run is one
 * life of the node, so that an id of an earlier life is never taken for one of this. While nobody
 * knows an id from which it could go on, events are counted, and neither encoded nor remembered.
 */
import type { NodeService } from './node-service.ts'
import type { StreamEvent } from './schema/event.ts'

export interface EventHubOptions {
  readonly maxRemembered: number
  readonly maxRememberedBytes: number
}

const defaultEventHubOptions: EventHubOptions = Object.freeze({
  maxRemembered: 512,
  maxRememberedBytes: 4 * 1024 * 1024,
})

/** An event as it stands on the wire. */
export interface Frame {
  readonly type: StreamEvent['type']
  readonly text: string
}

interface Remembered extends Frame {
  readonly number: number
}

export class EventHub {
  readonly #service: Pick<NodeService, 'subscribe'>
  readonly #run: string
  readonly #options: EventHubOptions
  readonly #listeners = new Set<(frame: Frame) => void>()
  readonly #remembered: Remembered[] = []
  #rememberedBytes = 0
  #last = 0
  /** The last event that anybody can have seen. */
  #seen = -Infinity
  #unsubscribe: (() => void) | undefined

  constructor(
    components: { readonly service: Pick<NodeService, 'subscribe'>; readonly run: string },
    options: Partial<EventHubOptions> = {},
  ) {
    this.#service = components.service
    this.#run = components.run
    this.#options = { ...defaultEventHubOptions, ...options }
  }

  start(): void {
    this.#unsubscribe ??= this.#service.subscribe((event) => {
      this.#publish(event)
    })
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#listeners.clear()
  }

  /** Calls the listener for each new frame until the returned function is called. */
  listen(listener: (frame: Frame) => void): () => void {
    this.#listeners.add(listener)
    this.#seen = this.#last
    return () => this.#listeners.delete(listener)
  }

  /** What a listener must be sent first, given the last id that it saw. */
  since(lastId: string | undefined): readonly Frame[] {
    if (lastId === undefined) return []
    const seen = this.#numberOf(lastId)
    const oldest = this.#last - this.#remembered.length
    if (seen === undefined || seen < oldest) {
      this.#seen = this.#last
      return [{ type: 'reset', text: this.#encode(this.#last, { type: 'reset', data: {} }) }]
    }
    return this.#remembered.filter((frame) => frame.number > seen)
  }

  #numberOf(id: string): number | undefined {
    if (!id.startsWith(`${this.#run}-`)) return undefined
    const text = id.slice(this.#run.length + 1)
    if (!/^[0-9]{1,15}$/.test(text) || Number(text) > this.#last) return undefined
    return Number(text)
  }

  #publish(event: StreamEvent): void {
    this.#last += 1
    if (this.#listeners.size > 0) this.#seen = this.#last
    if (this.#last - this.#seen > this.#options.maxRemembered) {
      // Whoever was away for so long is told to read the state anew.
      this.#remembered.length = 0
      this.#rememberedBytes = 0
      return
    }
    const text = this.#encode(this.#last, event)
    const frame = { type: event.type, text, number: this.#last }
    this.#remembered.push(frame)
    this.#rememberedBytes += text.length
    while (
      this.#remembered.length > this.#options.maxRemembered ||
      this.#rememberedBytes > this.#options.maxRememberedBytes
    ) {
      const oldest = this.#remembered.shift()
      if (oldest === undefined) break
      this.#rememberedBytes -= oldest.text.length
    }
    for (const listener of [...this.#listeners]) listener(frame)
  }

  #encode(number: number, event: StreamEvent): string {
    // JSON has no raw line breaks, so one data line is enough.
    return `id: ${this.#run}-${number}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
  }
}
