/** Image manifests and indexes, OCI and Docker, read so that they have one meaning. */
import type { NormalizeLimits } from './limits.ts'

export interface Descriptor {
  readonly mediaType: string
  /** `sha256:<hex>` of the stored bytes. */
  readonly digest: string
  readonly size: number
  readonly annotations: ReadonlyMap<string, string>
  /** `os/arch[/variant]`, as platformName writes it; undefined where the descriptor has none. */
  readonly platform: string | undefined
}

export interface ImageManifest {
  readonly kind: 'manifest'
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations: ReadonlyMap<string, string>
}

export interface ImageIndex {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
  readonly annotations: ReadonlyMap<string, string>
}

/** A manifest or an index, whichever the bytes are. Throws NormalizeError. */
export function parseManifestOrIndex(
  _bytes: Uint8Array,
  _limits?: NormalizeLimits,
): ImageManifest | ImageIndex {
  throw new Error('unfinished')
}

/** Throws NormalizeError `manifest-type` where the bytes are an index. */
export function parseManifest(_bytes: Uint8Array, _limits?: NormalizeLimits): ImageManifest {
  throw new Error('unfinished')
}

export function parseIndex(_bytes: Uint8Array, _limits?: NormalizeLimits): ImageIndex {
  throw new Error('unfinished')
}
