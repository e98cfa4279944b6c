/**
 * From the stored bytes of a layer to its tar, strictly: each byte of the blob is part of what
 * comes out, or it is an error (normalization profile, section 5).
 *
 * What is written comes out at the sink in pieces of the decoder's choosing. Given the same pieces
 * in, errors come at the same point on every machine; layer-pass.ts cuts the blob accordingly.
 */
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { type Room, SLOT_BYTES } from './byte-ring.ts'
import type { LayerEncoding } from './layer-encoding.ts'
import { isDirectZlib, ZlibDirect } from './zlib-direct.ts'
import { type Sink, type ZlibFeed, ZlibPump, type ZlibStream } from './zlib-pump.ts'
import { ZstdFrames } from './zstd-frames.ts'

export interface LayerDecoder {
  /**
   * Resolves when `chunk` may be reused. Throws NormalizeError, or what the sink threw, here or at
   * a later call: the sink may lag behind.
   */
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Frees what it holds, at any time. */
  destroy(): void
}

const OUTPUT_BYTES = SLOT_BYTES
const { maxZstdWindowBytes } = DEFAULT_NORMALIZE_LIMITS

/** `room`: where what comes out may be written at once, on this thread, instead of to `sink`. */
export function createLayerDecoder(
  encoding: LayerEncoding,
  sink: Sink,
  layer?: number,
  room?: Room,
): LayerDecoder {
  const feed: MakeFeed = (stream, finish, translate) =>
    room !== undefined && isDirectZlib()
      ? new ZlibDirect(stream, room, finish, translate)
      : new ZlibPump(stream, sink, translate)
  if (encoding === 'gzip') return new GzipDecoder(feed, layer)
  if (encoding === 'zstd') return new ZstdDecoder(feed, layer)
  return {
    write: async (chunk) => sink(chunk),
    end: async () => undefined,
    destroy: () => undefined,
  }
}

/** `finish`: the flag that tells the stream that no more will come. */
type MakeFeed = (
  stream: ZlibStream,
  finish: number,
  translate: (error: NodeJS.ErrnoException) => Error,
) => ZlibFeed

class GzipDecoder implements LayerDecoder {
  readonly #feed: ZlibFeed
  readonly #layer: number | undefined
  #written = 0

  constructor(makeFeed: MakeFeed, layer: number | undefined) {
    this.#layer = layer
    const stream = createGunzip({ chunkSize: OUTPUT_BYTES })
    this.#feed = makeFeed(stream, constants.Z_FINISH, (error) => this.#translate(error))
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
    const taken = await this.#feed.write(chunk)
    // At a zero byte after a member Node stops without an error, and drops what follows.
    if (taken === this.#written) return
    await this.#feed.drain()
    throw this.#trailing()
  }

  end(): Promise<void> {
    return this.#feed.end()
  }

  destroy(): void {
    this.#feed.destroy()
  }
}

class ZstdDecoder implements LayerDecoder {
  readonly #feed: ZlibFeed
  readonly #frames: ZstdFrames
  readonly #layer: number | undefined
  #written = 0

  constructor(makeFeed: MakeFeed, layer: number | undefined) {
    this.#layer = layer
    this.#frames = new ZstdFrames({ maxWindowBytes: maxZstdWindowBytes, layer })
    const stream = createZstdDecompress({
      chunkSize: OUTPUT_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: Math.log2(maxZstdWindowBytes) },
    })
    this.#feed = makeFeed(stream, constants.ZSTD_e_end, (error) =>
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
    for (const piece of await this.#framed(() => this.#frames.split(chunk))) {
      this.#written += piece.length
      const taken = await this.#feed.write(piece)
      if (taken === this.#written) continue
      await this.#feed.drain()
      throw this.#corrupt('a frame ends before its last block')
    }
  }

  async end(): Promise<void> {
    await this.#framed(() => this.#frames.end())
    await this.#feed.end()
  }

  /** What came out before a fault of the framing may be too much: that is told before it. */
  async #framed<T>(read: () => T): Promise<T> {
    try {
      return read()
    } catch (error) {
      await this.#feed.drain()
      throw error
    }
  }

  destroy(): void {
    this.#feed.destroy()
  }
}
