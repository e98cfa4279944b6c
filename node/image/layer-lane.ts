/**
 * One layer after the other, read in two threads (blob-thread.ts, tar-thread.ts): the main thread
 * only passes on the stored bytes as they come.
 */
import type { Worker } from 'node:worker_threads'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { inPieces, PIECE_BYTES } from './blob-pass.ts'
import { createByteRing } from './byte-ring.ts'
import type { Taken } from './counting-budget.ts'
import { ImageError } from './image-error.ts'
import { joinPasses } from './layer-pass.ts'
import {
  openError,
  openImage,
  type AssembleJob,
  type BlobAnswer,
  type BlobJob,
  type ErrorRecord,
  type FromBlobThread,
  type LaneThreadData,
  type PackedReadLayer,
  type TarAnswer,
  type TarJob,
  type ToBlobThread,
  type ToTarThread,
} from './layer-thread-message.ts'
import { startThread } from './start-thread.ts'
import type { Space } from './tree-space.ts'

/** Buffers on their way to the thread and back. */
const BUFFERS = 3

export type LaneJob = BlobJob & Pick<TarJob, 'profile' | 'before' | 'space'>

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
  readonly #blobThread: Worker
  readonly #tarThread: Worker
  #free: ArrayBuffer[] = Array.from({ length: BUFFERS }, () => new ArrayBuffer(PIECE_BYTES))
  #onFree: (() => void) | undefined
  #blob: PromiseWithResolvers<BlobAnswer> | undefined
  #tar: PromiseWithResolvers<TarAnswer> | undefined
  #closed: Error | undefined
  /** Id of the process that inflates the layer, where one does. */
  #program: number | undefined

  constructor() {
    const workerData: LaneThreadData = { ring: createByteRing() }
    this.#blobThread = startThread('blob-thread', workerData)
    this.#tarThread = startThread('tar-thread', workerData)
    this.#blobThread.on('message', (message: FromBlobThread) => {
      if (message.kind === 'program') this.#program = message.pid
      else if (message.kind === 'free') this.#free.push(message.buffer)
      else {
        this.#program = undefined
        this.#blob?.resolve(message)
        this.#blob = undefined
      }
      this.#onFree?.()
    })
    process.on('exit', this.#killProgram)
    this.#tarThread.on('message', (message: TarAnswer) => {
      this.#tar?.resolve(message)
      this.#tar = undefined
    })
    for (const thread of [this.#blobThread, this.#tarThread]) {
      thread.on('error', (error) => this.#fail(ownError(error as Error)))
      thread.on('exit', () => this.#fail(new Error('a thread that reads layers has ended')))
    }
  }

  /** Throws what `chunks` throws, or the reason of `signal`. */
  async read(
    job: LaneJob,
    chunks: AsyncIterable<Uint8Array>,
    options: PassOptions,
  ): Promise<LaneResult> {
    const { signal } = options
    signal?.throwIfAborted()
    const { profile, before, layer, expected, space } = job
    const [blob, tar] = this.#expectAnswers()
    const tarJob = { profile, layer, storedSize: expected.size, before, space }
    this.#tellTar({ kind: 'read', job: tarJob })
    this.#tellBlob({ kind: 'begin', job: { layer, expected, inflater: job.inflater } })
    const drop = () => this.#tellBlob({ kind: 'drop' })
    signal?.addEventListener('abort', drop)
    try {
      await this.#pass(chunks, options)
      this.#tellBlob({ kind: 'end' })
      return join(await blob, await tar, job)
    } catch (error) {
      drop()
      // Both are done with this layer before the next one may begin.
      await Promise.allSettled([blob, tar])
      throw error
    } finally {
      signal?.removeEventListener('abort', drop)
      signal?.throwIfAborted()
    }
  }

  async #pass(chunks: AsyncIterable<Uint8Array>, { signal, onBytes }: PassOptions): Promise<void> {
    let sent = 0
    for await (const piece of inPieces(chunks, PIECE_BYTES)) {
      signal?.throwIfAborted()
      const buffer = await this.#takeBuffer()
      if (buffer === undefined) break
      new Uint8Array(buffer).set(piece)
      this.#tellBlob({ kind: 'piece', buffer, length: piece.length }, [buffer])
      sent += piece.length
      onBytes(sent)
    }
  }

  /** Throws NormalizeError. */
  async assemble(
    job: AssembleJob,
    layers: readonly NormalizedLayer[],
    space: Space,
  ): Promise<NormalizedImage> {
    if (this.#closed !== undefined) throw this.#closed
    this.#tar = Promise.withResolvers()
    const { promise } = this.#tar
    this.#tellTar({ kind: 'assemble', job })
    const answer = await promise
    if (answer.kind === 'assembled') return openImage(answer.image, layers, space)
    if (answer.kind === 'refused') throw openError(answer.error)
    throw new Error(`an image was answered with "${answer.kind}"`)
  }

  /** Whether a thread has ended: the lane is of no more use. */
  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  /** Whether its threads keep the process alive. */
  set isBusy(busy: boolean) {
    for (const thread of [this.#blobThread, this.#tarThread]) {
      if (busy) thread.ref()
      else thread.unref()
    }
  }

  async close(): Promise<void> {
    this.#fail(new Error('threads that read layers are closed'))
    await Promise.all([this.#blobThread.terminate(), this.#tarThread.terminate()])
  }

  #tellBlob(message: ToBlobThread, transfer: ArrayBuffer[] = []): void {
    this.#blobThread.postMessage(message, transfer)
  }

  #tellTar(message: ToTarThread): void {
    this.#tarThread.postMessage(message)
  }

  #expectAnswers(): [Promise<BlobAnswer>, Promise<TarAnswer>] {
    if (this.#closed !== undefined) throw this.#closed
    this.#blob = Promise.withResolvers()
    this.#tar = Promise.withResolvers()
    const answers: [Promise<BlobAnswer>, Promise<TarAnswer>] = [
      this.#blob.promise,
      this.#tar.promise,
    ]
    // Whoever waits for them may still be passing on bytes when one fails.
    for (const answer of answers) answer.catch(() => undefined)
    return answers
  }

  /** Undefined when there is an answer already: nothing more is wanted. */
  async #takeBuffer(): Promise<ArrayBuffer | undefined> {
    while (this.#blob !== undefined && this.#free.length === 0) {
      await new Promise<void>((resolve) => (this.#onFree = resolve))
    }
    return this.#blob === undefined ? undefined : this.#free.pop()
  }

  /** A thread that reads from it cannot be ended before. */
  readonly #killProgram = (): void => {
    if (this.#program === undefined) return
    try {
      process.kill(this.#program, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    this.#program = undefined
  }

  #fail(error: Error): void {
    this.#closed ??= error
    this.#killProgram()
    process.off('exit', this.#killProgram)
    this.#blob?.reject(error)
    this.#tar?.reject(error)
    this.#blob = undefined
    this.#tar = undefined
    this.#onFree?.()
    // The other one may be waiting for the one that has ended.
    void this.#blobThread.terminate()
    void this.#tarThread.terminate()
  }
}

/** What the two threads found, as one pass would have told it. */
function join(blob: BlobAnswer, tar: TarAnswer, { expected, layer }: LaneJob): LaneResult {
  if (blob.kind === 'unsure') return blob
  if (blob.kind === 'dropped' || tar.kind !== 'passed') throw new Error('a layer was given up')
  const { taken } = tar
  try {
    if (blob.kind === 'refused') throw openError(blob.error)
    const normalized = tar.normalized ?? openOptional(tar.error)
    if (normalized === undefined) throw new Error('a tar without a result')
    const passedTar = {
      diffID: tar.diffID,
      limitError: openOptional(tar.limitError),
      normalized,
    }
    const passedBlob = { ...blob, decodeError: openOptional(blob.decodeError) }
    return { kind: 'read', layer: joinPasses(passedBlob, passedTar, expected, layer), taken }
  } catch (error) {
    if (!(error instanceof NormalizeError)) throw error
    // Whatever went wrong with an outside inflater, only the built-in one says what it is.
    return blob.outside ? { kind: 'unsure' } : { kind: 'refused', error, taken }
  }
}

/** What a thread failed with, which lost its class on the way. */
function ownError(error: Error): Error {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'temporary-disk-full' ? new ImageError(code, message, { cause: error }) : error
}

function openOptional(error: ErrorRecord | undefined): NormalizeError | undefined {
  return error === undefined ? undefined : openError(error)
}
