/**
 * The stored bytes of a layer: hashed, measured and decoded, in pieces of one size.
 *
 * Which error a faulty layer has must not depend on how its bytes arrived, since rebuilders vote
 * on the code. So the pass goes on to the end of the blob after an error of the compression: a
 * wrong digest or size is told before it.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Digest } from '../../protocol/identifiers.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import {
  NormalizeError,
  type NormalizeErrorCode,
} from '../../protocol/normalize/normalize-error.ts'
import { createLayerDecoder, type LayerDecoder } from './layer-decoder.ts'
import { checkEncoding, detectEncoding, type LayerEncoding } from './layer-encoding.ts'

/** What is known of a layer before it is read: a LayerBlob, or of a bare file its size alone. */
export interface ExpectedLayer {
  readonly size: number
  readonly digest?: Digest | undefined
  readonly diffID?: Digest | undefined
  readonly mediaType?: string | undefined
}

/** Takes what comes out. `hashed`: whether it is other bytes than those that went in. */
export type TarSink = (piece: Uint8Array, hashed: boolean) => void

export interface BlobPassInit {
  /** Index in the image, for error messages. */
  readonly layer?: number | undefined
  /** Makes the decoder; default the built-in one. */
  readonly createDecoder?: typeof createLayerDecoder
}

export interface PassedBlob {
  readonly digest: Digest
  readonly encoding: LayerEncoding
  /** The compression is at fault, or the sink refused: what came out is not all. */
  readonly decodeError: Error | undefined
}

const { maxBlobBytes } = DEFAULT_NORMALIZE_LIMITS
/** What the blob is cut into. */
export const PIECE_BYTES = 1024 * 1024
const HASH_BYTES = 128 * 1024

export class BlobPass {
  readonly #expected: ExpectedLayer
  readonly #init: BlobPassInit
  readonly #sink: TarSink
  readonly #hash
  #decoder: LayerDecoder | undefined
  #encoding: LayerEncoding = 'plain'
  #stored = 0
  #decodeError: Error | undefined

  /** Throws NormalizeError `limit-blob`. */
  constructor(crypto: Crypto, expected: ExpectedLayer, init: BlobPassInit, sink: TarSink) {
    this.#expected = expected
    this.#init = init
    this.#sink = sink
    this.#hash = crypto.createSha256()
    if (expected.size > maxBlobBytes) {
      throw this.#error(
        'limit-blob',
        `the layer has ${expected.size} stored bytes, more than ${maxBlobBytes}`,
      )
    }
  }

  /** Stored bytes so far. */
  get stored(): number {
    return this.#stored
  }

  destroy(): void {
    this.#decoder?.destroy()
  }

  /** `piece`: of PIECE_BYTES, the last one shorter. Throws NormalizeError `limit-blob`. */
  async write(piece: Uint8Array): Promise<void> {
    this.#stored += piece.length
    if (this.#stored > maxBlobBytes) {
      throw this.#error('limit-blob', `the layer has more than ${maxBlobBytes} stored bytes`)
    }
    // Begun first: it goes on in another thread while the blob is hashed here.
    const decoded = this.#decode(() => this.#decoderFor(piece).write(piece))
    await this.#hashInSteps(piece)
    await decoded
  }

  /** Throws NormalizeError where the blob is not the one that was expected. */
  async end(): Promise<PassedBlob> {
    const digest: Digest = `sha256:${toHex(this.#hash.digest())}`
    const { digest: wanted, size } = this.#expected
    if (wanted !== undefined && digest !== wanted) {
      throw this.#error(
        'blob-digest-mismatch',
        `the layer that is stored as ${wanted} hashes to ${digest}`,
      )
    }
    if (this.#stored !== size) {
      throw this.#error(
        'blob-size-mismatch',
        `the layer has ${this.#stored} stored bytes, its descriptor says ${size}`,
      )
    }
    const empty = new Uint8Array()
    await this.#decode(() => this.#decoderFor(empty).end())
    return { digest, encoding: this.#encoding, decodeError: this.#decodeError }
  }

  /** What the decoder puts out meanwhile does not wait long for this thread. */
  async #hashInSteps(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; at += HASH_BYTES) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve))
      this.#hash.update(piece.subarray(at, at + HASH_BYTES))
    }
  }

  async #decode(step: () => Promise<void>): Promise<void> {
    if (this.#decodeError !== undefined) return
    try {
      await step()
    } catch (error) {
      this.#decodeError = error as Error
      this.#decoder?.destroy()
    }
  }

  #decoderFor(first: Uint8Array): LayerDecoder {
    if (this.#decoder === undefined) {
      const { layer } = this.#init
      const encoding = detectEncoding(first)
      checkEncoding(encoding, this.#expected.mediaType, layer)
      this.#encoding = encoding
      const create = this.#init.createDecoder ?? createLayerDecoder
      const hashed = encoding !== 'plain'
      this.#decoder = create(encoding, (chunk) => this.#sink(chunk, hashed), layer)
    }
    return this.#decoder
  }

  #error(code: NormalizeErrorCode, message: string): NormalizeError {
    return new NormalizeError(code, message, { layer: this.#init.layer })
  }
}

/** The same bytes in pieces of exactly `size`, the last one shorter. */
export async function* inPieces(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer: Buffer | undefined
  let filled = 0
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      if (filled === 0 && chunk.length - at >= size) {
        yield chunk.subarray(at, (at += size))
        continue
      }
      buffer ??= Buffer.allocUnsafeSlow(size)
      const taken = Math.min(size - filled, chunk.length - at)
      buffer.set(chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled === size) {
        // The consumer is done with a piece before it asks for the next one, so one buffer serves.
        yield buffer
        filled = 0
      }
    }
  }
  if (buffer !== undefined && filled > 0) yield buffer.subarray(0, filled)
}
