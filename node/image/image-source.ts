/**
 * An image, wherever it is: an immutable view whose parts are read when they are asked for.
 *
 * Two implementations of one reference give the same bytes. Manifest and config are verified
 * against their digests when `resolve` returns; layers are verified by whoever reads them to the
 * end (layer-pass.ts).
 */
import type { Digest, Platform } from '../../protocol/identifiers.ts'
import type { ImageConfig } from '../../protocol/normalize/config.ts'
import type { ImageManifest } from '../../protocol/normalize/manifest.ts'

interface LayerBlob {
  /** Digest of the stored bytes; undefined in a docker-archive, which names diffIDs only. */
  readonly digest: Digest | undefined
  /** Stored bytes. */
  readonly size: number
  /** Digest of the uncompressed tar, from the config. */
  readonly diffID: Digest
  /** Undefined in a docker-archive: then the content alone tells the encoding. */
  readonly mediaType: string | undefined
  readonly annotations: ReadonlyMap<string, string>
}

export interface ResolvedManifest {
  readonly bytes: Uint8Array
  readonly digest: Digest
  readonly mediaType: string
  readonly parsed: ImageManifest
}

/** One image for one platform. */
export interface ResolvedImage {
  readonly platform: Platform
  /** Undefined in a docker-archive. */
  readonly manifest: ResolvedManifest | undefined
  readonly config: Uint8Array
  readonly parsedConfig: ImageConfig
  readonly layers: readonly LayerBlob[]
  /** The stored bytes of a layer, not yet verified; a piece is valid until the next is asked for. */
  openLayer(index: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

export interface ImageSource {
  /**
   * The image for `platform`, which may be left out where there is one only. Throws ImageError, or
   * NormalizeError where the image's own documents are at fault.
   */
  resolve(platform?: Platform, signal?: AbortSignal): Promise<ResolvedImage>
  close(): Promise<void>
}
