/**
 * One layer after the other, read in threads of their own (layer-thread.ts, hash-thread.ts): the
 * main thread only passes on the stored bytes as they come.
 */
import { Worker } from 'node:worker_threads'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import type { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import type { Taken } from './counting-budget.ts'
import { createHashRing } from './hash-ring.ts'
import { inPieces, PIECE_BYTES } from './layer-pass.ts'
import {
  openError,
  openImage,
  type AssembleJob,
  type FromLayerThread,
  type LayerAnswer,
  type LayerJob,
  type LayerThreadData,
  type PackedReadLayer,
  type ToLayerThread,
} from './layer-thread-message.ts'

/** Buffers on their way to the thread and back. */
const BUFFERS = 3
/** Little of what a thread makes lives long; V8's default would let garbage pile up. */
const YOUNG_GENERATION_MB = 8

export type LaneResult =
  | { readonly kind: 'read'; readonly layer: PackedReadLayer; readonly taken: Taken }
  | { readonly kind: 'refused'; readonly error: NormalizeError; readonly taken: Taken }
  /** To be read again without the outside inflater. */
  | { readonly kind: 'unsure' }

interface PassOptions {
  readonly signal?: AbortSignal | undefined
  /** Told the stored bytes passed on so far. */
  readonly onBytes: (bytes: number) => void
}

export class LayerLane {
  readonly #threads: readonly Worker[]
  readonly #reader: Worker
  #free: ArrayBuffer[] = Array.from({ length: BUFFERS }, () => new ArrayBuffer(PIECE_BYTES))
  #job = 0
  #onFree: (() => void) | undefined
  #answer = Promise.withResolvers<LayerAnswer>()
  #answered = false
  #closed = false

  constructor() {
    const workerData: LayerThreadData = { ring: createHashRing() }
    this.#reader = startThread('layer-thread', workerData)
    this.#threads = [this.#reader, startThread('hash-thread', workerData)]
    this.#reader.on('message', (message: FromLayerThread) => {
      if (message.kind === 'free') this.#giveBack(message.buffer)
      else if (message.id === this.#job) {
        this.#settle((answer) => answer.resolve(message))
      }
    })
    for (const thread of this.#threads) {
      thread.on('error', (error) => this.#fail(error as Error))
      thread.on('exit', () => this.#fail(new Error('a thread that reads layers has ended')))
    }
  }

  /** Throws what `chunks` throws, or the reason of `signal`. */
  async read(
    job: Omit<LayerJob, 'id'>,
    chunks: AsyncIterable<Uint8Array>,
    options: PassOptions,
  ): Promise<LaneResult> {
    const id = this.#expectAnswer()
    const { signal } = options
    const stop = () => this.#settle((answer) => answer.reject(signal?.reason))
    signal?.addEventListener('abort', stop)
    let answer: LayerAnswer
    try {
      signal?.throwIfAborted()
      this.#send({ kind: 'begin', job: { ...job, id } })
      await this.#pass(chunks, options)
      this.#send({ kind: 'end' })
      answer = await this.#answer.promise
    } catch (error) {
      this.#send({ kind: 'drop' })
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    if (answer.kind === 'read' || answer.kind === 'unsure') return answer
    if (answer.kind === 'refused') {
      return { kind: 'refused', error: openError(answer.error), taken: answer.taken }
    }
    throw new Error(`a layer was answered with "${answer.kind}"`)
  }

  async #pass(chunks: AsyncIterable<Uint8Array>, { signal, onBytes }: PassOptions): Promise<void> {
    let sent = 0
    for await (const piece of inPieces(chunks, PIECE_BYTES)) {
      signal?.throwIfAborted()
      const buffer = await this.#takeBuffer()
      if (buffer === undefined) break
      new Uint8Array(buffer).set(piece)
      this.#send({ kind: 'piece', buffer, length: piece.length }, [buffer])
      sent += piece.length
      onBytes(sent)
    }
  }

  /** Throws NormalizeError. */
  async assemble(
    job: Omit<AssembleJob, 'id'>,
    layers: readonly NormalizedLayer[],
  ): Promise<NormalizedImage> {
    const id = this.#expectAnswer()
    this.#send({ kind: 'assemble', job: { ...job, id } })
    const answer = await this.#answer.promise
    if (answer.kind === 'assembled') return openImage(answer.image, layers)
    if (answer.kind === 'refused') throw openError(answer.error)
    throw new Error(`an image was answered with "${answer.kind}"`)
  }

  /** Whether a thread has ended: the lane is of no more use. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Whether its threads keep the process alive. */
  set isBusy(busy: boolean) {
    for (const thread of this.#threads) {
      if (busy) thread.ref()
      else thread.unref()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }

  #send(message: ToLayerThread, transfer: ArrayBuffer[] = []): void {
    this.#reader.postMessage(message, transfer)
  }

  /** The id of the job that is to be answered. */
  #expectAnswer(): number {
    this.#answer = Promise.withResolvers()
    // Whoever waits for it may still be passing on bytes when it fails.
    this.#answer.promise.catch(() => undefined)
    this.#answered = false
    if (this.#closed) this.#fail(new Error('threads that read layers are closed'))
    return ++this.#job
  }

  /** Undefined when there is an answer already: nothing more is wanted. */
  async #takeBuffer(): Promise<ArrayBuffer | undefined> {
    while (!this.#answered && this.#free.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onFree = resolve
        void this.#answer.promise.then(
          () => resolve(),
          () => resolve(),
        )
      })
    }
    return this.#answered ? undefined : this.#free.pop()
  }

  #giveBack(buffer: ArrayBuffer): void {
    this.#free.push(buffer)
    this.#onFree?.()
  }

  #fail(error: Error): void {
    this.#closed = true
    this.#settle((answer) => answer.reject(error))
  }

  #settle(how: (answer: PromiseWithResolvers<LayerAnswer>) => void): void {
    this.#answered = true
    how(this.#answer)
  }
}

/** From dist/ the compiled file, from the sources the source. */
function startThread(name: string, workerData: LayerThreadData): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./${name}.${extension}`, import.meta.url), {
    name: `rebuildnet ${name}`,
    workerData,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
}
