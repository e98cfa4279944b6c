/**
 * One pass over the stored bytes of a layer: verified, decoded and normalized together.
 *
 * Which error a faulty layer has must not depend on how its bytes arrived, since rebuilders vote
 * on the code. So the blob is cut into pieces of one size, the pass goes on to the end of the blob
 * after an error, and where several things are wrong the outermost is reported: the blob's digest,
 * its size, its compression, its diffID, and only then the tar.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Crypto, Hasher } from '../../protocol/crypto.ts'
import type { Digest } from '../../protocol/identifiers.ts'
import type { ImageBudget } from '../../protocol/normalize/image-budget.ts'
import {
  type ContentCollector,
  LayerReader,
  type NormalizedLayer,
} from '../../protocol/normalize/layer-reader.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import {
  NormalizeError,
  type NormalizeErrorCode,
} from '../../protocol/normalize/normalize-error.ts'
import type { Profile } from '../../protocol/normalize/profile.ts'
import { createLayerDecoder, type LayerDecoder } from './layer-decoder.ts'
import { checkEncoding, detectEncoding, type LayerEncoding } from './layer-encoding.ts'

/** What is known of a layer before it is read: a LayerBlob, or of a bare file its size alone. */
export interface ExpectedLayer {
  readonly size: number
  readonly digest?: Digest | undefined
  readonly diffID?: Digest | undefined
  readonly mediaType?: string | undefined
}

export interface LayerPassInit {
  readonly profile: Profile
  /** Index in the image, for error messages. */
  readonly layer?: number
  /** Shared by the layers of one image. */
  readonly budget?: ImageBudget
  readonly signal?: AbortSignal | undefined
  /** Told after each piece: stored bytes read so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** Hashes the tar in place of a hasher of `crypto`, on another thread for example. */
  readonly tarHash?: Hasher
  /** Makes the decoder; default the built-in one. */
  readonly createDecoder?: typeof createLayerDecoder
  /** Takes the contents of some files as they pass. */
  readonly collect?: ContentCollector
  /** Told the unpacked bytes so far, before each piece of them is read; may throw to give up. */
  readonly onUnpacked?: (bytes: number) => void
}

export interface ReadLayer {
  /** Of the stored bytes. */
  readonly digest: Digest
  readonly diffID: Digest
  readonly encoding: LayerEncoding
  readonly normalized: NormalizedLayer
}

const LIMITS = DEFAULT_NORMALIZE_LIMITS
/** What the blob is cut into. */
export const PIECE_BYTES = 1024 * 1024

/** Throws NormalizeError for what is wrong with the layer, and whatever `chunks` throws. */
export async function readLayer(
  components: { readonly crypto: Crypto },
  expected: ExpectedLayer,
  chunks: AsyncIterable<Uint8Array>,
  init: LayerPassInit,
): Promise<ReadLayer> {
  const pass = new LayerPass(components.crypto, expected, init)
  try {
    for await (const piece of inPieces(chunks, PIECE_BYTES)) {
      init.signal?.throwIfAborted()
      await pass.write(piece)
    }
    init.signal?.throwIfAborted()
    return await pass.end()
  } finally {
    pass.destroy()
  }
}

/** The same, pushed by the caller in pieces of PIECE_BYTES, the last one shorter. */
export class LayerPass {
  readonly #expected: ExpectedLayer
  readonly #init: LayerPassInit
  readonly #blobHash
  readonly #tarHash
  readonly #reader: LayerReader
  #decoder: LayerDecoder | undefined
  #encoding: LayerEncoding = 'plain'
  #stored = 0
  #unpacked = 0
  /** The compression is at fault, or a limit is passed: nothing is decoded any more. */
  #decodeError: Error | undefined
  /** The tar is at fault: it is not read any more, but still decoded and hashed. */
  #tarError: Error | undefined

  constructor(crypto: Crypto, expected: ExpectedLayer, init: LayerPassInit) {
    this.#expected = expected
    this.#init = init
    this.#blobHash = crypto.createSha256()
    this.#tarHash = init.tarHash ?? crypto.createSha256()
    const { profile, layer, budget, collect } = init
    this.#reader = new LayerReader(
      { crypto },
      {
        profile,
        ...(layer === undefined ? {} : { layer }),
        ...(budget === undefined ? {} : { budget }),
        ...(collect === undefined ? {} : { collect }),
      },
    )
    if (expected.size > LIMITS.maxBlobBytes) {
      throw this.#error(
        'limit-blob',
        `the layer has ${expected.size} stored bytes, more than ${LIMITS.maxBlobBytes}`,
      )
    }
  }

  destroy(): void {
    this.#decoder?.destroy()
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#stored += piece.length
    if (this.#stored > LIMITS.maxBlobBytes) {
      throw this.#error('limit-blob', `the layer has more than ${LIMITS.maxBlobBytes} stored bytes`)
    }
    // Begun first: it goes on in another thread while the blob is hashed here.
    const decoded = this.#decode(() => this.#decoderFor(piece).write(piece))
    this.#blobHash.update(piece)
    this.#init.onBytes?.(this.#stored)
    await decoded
  }

  async end(): Promise<ReadLayer> {
    const digest = `sha256:${toHex(this.#blobHash.digest())}`
    const { digest: wanted, size, diffID: wantedDiffID } = this.#expected
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
    if (this.#decodeError !== undefined) throw this.#decodeError
    const diffID = `sha256:${toHex(this.#tarHash.digest())}`
    if (wantedDiffID !== undefined && diffID !== wantedDiffID) {
      throw this.#error(
        'diffid-mismatch',
        `the unpacked layer hashes to ${diffID}, its config says ${wantedDiffID}`,
      )
    }
    if (this.#tarError !== undefined) throw this.#tarError
    return { digest, diffID, encoding: this.#encoding, normalized: this.#reader.end() }
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
      this.#decoder = create(encoding, (chunk) => this.#take(chunk), layer)
    }
    return this.#decoder
  }

  #take(chunk: Uint8Array): void {
    this.#unpacked += chunk.length
    const most = Math.max(
      LIMITS.inflationAllowanceBytes,
      LIMITS.maxInflationRatio * this.#expected.size,
    )
    if (this.#unpacked > most) {
      throw this.#error(
        'limit-ratio',
        `the layer unpacks to more than ${LIMITS.maxInflationRatio} times its ${this.#expected.size} bytes`,
      )
    }
    if (this.#unpacked > LIMITS.maxLayerBytes) {
      throw this.#error(
        'limit-layer',
        `the layer unpacks to more than ${LIMITS.maxLayerBytes} bytes`,
      )
    }
    this.#init.onUnpacked?.(this.#unpacked)
    this.#tarHash.update(chunk)
    if (this.#tarError !== undefined) return
    try {
      this.#reader.write(chunk)
    } catch (error) {
      this.#tarError = error as Error
    }
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
