/**
 * One client of `/v1/events`, as server-sent events.
 *
 * A reader that is slower than the node is cut off, not buffered for: it comes back with its last
 * id and gets what is still remembered. A comment is sent while nothing happens, so that both sides
 * notice a connection that is gone.
 */
import type { ServerResponse } from 'node:http'
import type { EventHub, Frame } from './event-hub.ts'

export interface EventStreamOptions {
  readonly heartbeatMs: number
  /** Bytes that may wait for a slow reader. */
  readonly maxBufferedBytes: number
}

const defaultEventStreamOptions: EventStreamOptions = Object.freeze({
  heartbeatMs: 15_000,
  maxBufferedBytes: 1024 * 1024,
})

export interface EventStreamRequest {
  readonly lastId: string | undefined
  /** Only these types; all where empty. */
  readonly types: ReadonlySet<string>
}

export class EventStream {
  readonly #response: ServerResponse
  readonly #options: EventStreamOptions
  readonly #types: ReadonlySet<string>
  readonly #stopListening: () => void
  readonly #heartbeat: NodeJS.Timeout

  constructor(
    components: { readonly hub: EventHub; readonly response: ServerResponse },
    request: EventStreamRequest,
    options: Partial<EventStreamOptions> = {},
  ) {
    this.#response = components.response
    this.#options = { ...defaultEventStreamOptions, ...options }
    this.#types = request.types
    components.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    this.#write(':\n\n')
    for (const frame of components.hub.since(request.lastId)) this.#send(frame)
    this.#stopListening = components.hub.listen((frame) => this.#send(frame))
    this.#heartbeat = setInterval(() => this.#write(':\n\n'), this.#options.heartbeatMs)
    this.#heartbeat.unref()
    components.response.once('close', () => this.#release())
  }

  /** Ends the stream in an orderly way: what was written is still delivered. */
  close(): void {
    this.#release()
    this.#response.end()
  }

  #send(frame: Frame): void {
    const wanted = this.#types.size === 0 || this.#types.has(frame.type) || frame.type === 'reset'
    if (wanted) this.#write(frame.text)
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    if (this.#response.writableLength + text.length > this.#options.maxBufferedBytes) {
      this.#response.destroy()
      return
    }
    this.#response.write(text)
  }

  #release(): void {
    clearInterval(this.#heartbeat)
    this.#stopListening()
  }
}
