/**
 * What a layer unpacks to: its tar, hashed whole and normalized, up to the limits.
 *
 * A fault of the tar stops its reading, not its hashing: a wrong diffID is told before it.
 */
import { getRandomValues } from 'node:crypto'
import { toHex } from '../../protocol/bytes.ts'
import type { Crypto, Hasher } from '../../protocol/crypto.ts'
import type { Digest } from '../../protocol/identifiers.ts'
import type { HashKey } from '../../protocol/normalize/half-sip-hash.ts'
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
import type { BlockStore } from '../../protocol/normalize/tree-bytes.ts'

export interface TarPassInit {
  readonly profile: Profile
  /** Index in the image, for error messages. */
  readonly layer?: number
  /** Stored bytes of the layer, as its descriptor has them: how far it may unpack. */
  readonly storedSize: number
  /** Shared by the layers of one image. */
  readonly budget?: ImageBudget
  /** Takes the contents of some files as they pass. */
  readonly collect?: ContentCollector
  /** Where the tree is put down; default memory of this thread. */
  readonly store?: BlockStore
}

export interface PassedTar<N = NormalizedLayer> {
  /** Undefined where the tar was not hashed: it is the blob itself. */
  readonly diffID: Digest | undefined
  /** A limit was passed, and nothing read after that. */
  readonly limitError: NormalizeError | undefined
  readonly normalized: N | NormalizeError
}

const LIMITS = DEFAULT_NORMALIZE_LIMITS
const [k0 = 0, k1 = 0] = getRandomValues(new Uint32Array(2))
const HASH_KEY: HashKey = { k0, k1 }

export class TarPass {
  readonly #layer: number | undefined
  readonly #most: number
  readonly #storedSize: number
  readonly #hash: Hasher
  readonly #reader: LayerReader
  #unpacked = 0
  #hashed = false
  #limitError: NormalizeError | undefined
  #error: NormalizeError | undefined

  constructor(crypto: Crypto, init: TarPassInit) {
    const { profile, layer, storedSize, budget, collect, store } = init
    this.#layer = layer
    this.#storedSize = storedSize
    this.#most = Math.max(LIMITS.inflationAllowanceBytes, LIMITS.maxInflationRatio * storedSize)
    this.#hash = crypto.createSha256()
    this.#reader = new LayerReader(
      { crypto },
      {
        profile,
        ...(layer === undefined ? {} : { layer }),
        ...(budget === undefined ? {} : { budget }),
        ...(collect === undefined ? {} : { collect }),
        ...(store === undefined ? {} : { store }),
        hashKey: HASH_KEY,
      },
    )
  }

  /**
   * `hashed`: whether the diffID is wanted, the same for all pieces. Throws NormalizeError where a
   * limit is passed.
   */
  write(piece: Uint8Array, hashed: boolean): void {
    this.#unpacked += piece.length
    this.#checkLimits()
    this.#hashed = hashed
    if (hashed) this.#hash.update(piece)
    if (this.#error === undefined) this.#error = this.#attempt(() => this.#reader.write(piece))
  }

  end(): PassedTar {
    let normalized: NormalizedLayer | undefined
    const error = this.#error ?? this.#attempt(() => (normalized = this.#reader.end()))
    return {
      diffID:
        this.#hashed || this.#unpacked === 0 ? `sha256:${toHex(this.#hash.digest())}` : undefined,
      limitError: this.#limitError,
      normalized: normalized ?? (error as NormalizeError),
    }
  }

  #attempt(read: () => unknown): NormalizeError | undefined {
    try {
      read()
      return undefined
    } catch (error) {
      if (error instanceof NormalizeError) return error
      throw error
    }
  }

  #checkLimits(): void {
    if (this.#unpacked > this.#most) {
      this.#fail(
        'limit-ratio',
        `the layer unpacks to more than ${LIMITS.maxInflationRatio} times its ${this.#storedSize} bytes`,
      )
    }
    if (this.#unpacked > LIMITS.maxLayerBytes) {
      this.#fail('limit-layer', `the layer unpacks to more than ${LIMITS.maxLayerBytes} bytes`)
    }
  }

  #fail(code: NormalizeErrorCode, message: string): never {
    this.#limitError = new NormalizeError(code, message, { layer: this.#layer })
    throw this.#limitError
  }
}
