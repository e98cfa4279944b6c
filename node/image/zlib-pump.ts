/**
 * A zlib stream of Node whose failures, and those of the sink, reach whoever writes to it.
 *
 * The stream inflates on a thread of its own while the sink works on what came before: pieces wait
 * in a short queue. Everything is told in the order of the bytes all the same: a failure of the
 * sink over an earlier piece comes before one of the stream at a later one.
 */
import type { Transform } from 'node:stream'

export type Sink = (chunk: Uint8Array) => void

/** Pieces that may wait for the sink. */
const MAX_WAITING = 4

export type ZlibStream = Transform & { readonly bytesWritten: number }

/** A zlib stream that is being fed; what comes out goes where it was told. */
export interface ZlibFeed {
  /** Resolves with how many bytes of all that was written the stream has taken. */
  write(chunk: Uint8Array): Promise<number>
  /** Resolves when all that has come out is where it goes. */
  drain(): Promise<void>
  end(): Promise<void>
  /** Whoever still waits is told that it was given up. */
  destroy(): void
}

export class ZlibPump implements ZlibFeed {
  readonly #stream: ZlibStream
  readonly #sink: Sink
  readonly #waiting: Uint8Array[] = []
  #busy = false
  /** What the stream failed with, told once all that came before it has passed the sink. */
  #streamError: Error | undefined
  #failure: Error | undefined
  #ended = false
  #reject: ((error: Error) => void) | undefined
  #onIdle: (() => void) | undefined

  constructor(stream: ZlibStream, sink: Sink, translate: (error: NodeJS.ErrnoException) => Error) {
    this.#stream = stream
    this.#sink = sink
    stream.on('data', (chunk: Uint8Array) => this.#push(chunk))
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#streamError ??= translate(error)
      this.#settle()
    })
    stream.on('end', () => {
      this.#ended = true
      this.#settle()
    })
  }

  async write(chunk: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      this.#stream.write(chunk, (error) => {
        if (this.#failure !== undefined) reject(this.#failure)
        // The stream's own error comes by its event, in its turn.
        else if (error === null || error === undefined) resolve()
      })
    })
    return this.#stream.bytesWritten
  }

  async drain(): Promise<void> {
    await this.#until(() => !this.#busy)
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#stream.end()
    await this.#until(() => this.#ended && !this.#busy)
  }

  destroy(): void {
    this.#failure ??= new Error('the stream was given up')
    this.#waiting.length = 0
    this.#stream.destroy()
    this.#reject?.(this.#failure)
  }

  async #until(isDone: () => boolean): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      this.#onIdle = () => {
        if (isDone()) resolve()
      }
      this.#onIdle()
    })
  }

  #push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) return
    this.#waiting.push(chunk)
    if (this.#waiting.length >= MAX_WAITING) this.#stream.pause()
    if (this.#busy) return
    this.#busy = true
    // Not here: the stream goes on inflating only once its listeners have returned.
    setImmediate(() => this.#step())
  }

  #step(): void {
    const chunk = this.#waiting.shift()
    if (chunk === undefined) {
      this.#busy = false
      this.#settle()
      return
    }
    try {
      this.#sink(chunk)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    release(chunk)
    if (this.#stream.isPaused()) this.#stream.resume()
    setImmediate(() => this.#step())
  }

  #settle(): void {
    if (!this.#busy && this.#streamError !== undefined) this.#fail(this.#streamError)
    this.#onIdle?.()
  }

  #fail(error: Error): void {
    this.#busy = false
    this.#failure ??= error
    this.destroy()
  }
}

/**
 * Frees the buffer that a piece lies at the end of. A stream fills it from the start and then takes
 * another one; without this they would pile up until the next garbage collection.
 */
function release(chunk: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = chunk
  if (buffer instanceof ArrayBuffer && byteOffset + byteLength === buffer.byteLength) {
    buffer.transfer(0)
  }
}
