/**
 * From the stored bytes of a layer to its tar, strictly: each byte of the blob is part of what
 * comes out, or it is an error (normalization profile, section 5).
 *
 * What is written comes out at the sink in pieces of the decoder's choosing. Given the same pieces
 * in, errors come at the same point on every machine; layer-pass.ts cuts the blob accordingly.
 */
import type { Transform } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import type { LayerEncoding } from './layer-encoding.ts'
import { ZstdFrames } from './zstd-frames.ts'

export interface LayerDecoder {
  /** Resolves when all of `chunk` has been decoded. Throws NormalizeError, or what the sink threw. */
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Frees what it holds, at any time. */
  destroy(): void
}

export type Sink = (chunk: Uint8Array) => void

const OUTPUT_BYTES = 512 * 1024
const { maxZstdWindowBytes } = DEFAULT_NORMALIZE_LIMITS

export function createLayerDecoder(
  encoding: LayerEncoding,
  sink: Sink,
  layer?: number,
): LayerDecoder {
  if (encoding === 'gzip') return new GzipDecoder(sink, layer)
  if (encoding === 'zstd') return new ZstdDecoder(sink, layer)
  return {
    write: async (chunk) => sink(chunk),
    end: async () => undefined,
    destroy: () => undefined,
  }
}

/** A zlib stream of Node whose failures, and those of the sink, reach whoever writes to it. */
class ZlibPump {
  readonly #stream: Transform & { readonly bytesWritten: number }
  #failure: Error | undefined
  #reject: ((error: Error) => void) | undefined
  #ended = false
  #onEnd: (() => void) | undefined

  constructor(
    stream: Transform & { readonly bytesWritten: number },
    sink: Sink,
    translate: (error: NodeJS.ErrnoException) => Error,
  ) {
    this.#stream = stream
    stream.on('data', (chunk: Uint8Array) => {
      if (this.#failure !== undefined) return
      try {
        sink(chunk)
      } catch (error) {
        // Thrown out of an event handler it would end the process.
        this.#fail(error as Error)
      }
    })
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(translate(error)))
    stream.on('end', () => {
      this.#ended = true
      this.#onEnd?.()
    })
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#stream.destroy()
    this.#reject?.(this.#failure)
  }

  /** Resolves with how many bytes of all that was written the decoder has taken. */
  async write(chunk: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      this.#stream.write(chunk, () => {
        if (this.#failure === undefined) resolve()
        else reject(this.#failure)
      })
    })
    return this.#stream.bytesWritten
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      this.#onEnd = resolve
      this.#stream.end()
      if (this.#ended) resolve()
    })
  }

  destroy(): void {
    this.#stream.destroy()
  }
}

class GzipDecoder implements LayerDecoder {
  readonly #pump: ZlibPump
  readonly #layer: number | undefined
  #written = 0

  constructor(sink: Sink, layer: number | undefined) {
    this.#layer = layer
    this.#pump = new ZlibPump(createGunzip({ chunkSize: OUTPUT_BYTES }), sink, (error) =>
      this.#translate(error),
    )
  }

  #translate(error: NodeJS.ErrnoException): NormalizeError {
    const place = { layer: this.#layer }
    const options = { cause: error }
    if (error.code === 'Z_BUF_ERROR') {
      return new NormalizeError('gzip-truncated', 'the gzip stream ends early', place, options)
    }
    // The first member begins with the magic, or we would not be here: this is said of a later one.
    if (error.message === 'incorrect header check') return this.#trailing(options)
    return new NormalizeError(
      'gzip-corrupt',
      `the gzip stream is damaged: ${error.message}`,
      place,
      options,
    )
  }

  #trailing(options?: ErrorOptions): NormalizeError {
    return new NormalizeError(
      'gzip-trailing-bytes',
      'bytes that are no gzip member follow the stream',
      { layer: this.#layer },
      options,
    )
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#written += chunk.length
    const taken = await this.#pump.write(chunk)
    // At a zero byte after a member Node stops without an error, and drops what follows.
    if (taken !== this.#written) throw this.#trailing()
  }

  end(): Promise<void> {
    return this.#pump.end()
  }

  destroy(): void {
    this.#pump.destroy()
  }
}

class ZstdDecoder implements LayerDecoder {
  readonly #pump: ZlibPump
  readonly #frames: ZstdFrames
  readonly #layer: number | undefined
  #written = 0

  constructor(sink: Sink, layer: number | undefined) {
    this.#layer = layer
    this.#frames = new ZstdFrames({ maxWindowBytes: maxZstdWindowBytes, layer })
    const stream = createZstdDecompress({
      chunkSize: OUTPUT_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: Math.log2(maxZstdWindowBytes) },
    })
    this.#pump = new ZlibPump(stream, sink, (error) =>
      this.#corrupt(error.message, { cause: error }),
    )
  }

  #corrupt(why: string, options?: ErrorOptions): NormalizeError {
    return new NormalizeError(
      'zstd-corrupt',
      `the zstd stream is damaged: ${why}`,
      { layer: this.#layer },
      options,
    )
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (const piece of this.#frames.split(chunk)) {
      this.#written += piece.length
      const taken = await this.#pump.write(piece)
      if (taken !== this.#written) throw this.#corrupt('a frame ends before its last block')
    }
  }

  async end(): Promise<void> {
    this.#frames.end()
    await this.#pump.end()
  }

  destroy(): void {
    this.#pump.destroy()
  }
}
