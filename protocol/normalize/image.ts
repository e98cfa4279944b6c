/** The digests of a whole image. */
import type { Crypto } from '../crypto.ts'
import type { NormalizedLayer } from './layer-reader.ts'
import type { NormalizeLimits } from './limits.ts'
import type { ImageManifest } from './manifest.ts'
import type { NormalizeError } from './normalize-error.ts'
import type { Profile } from './profile.ts'
import type { DirectoryNode } from './tree.ts'

export interface ImageParts {
  /** Undefined for a docker-archive, which has neither manifest nor annotations. */
  readonly manifest?: ImageManifest | undefined
  /** The stored bytes of the config, whose digest the caller has checked. */
  readonly config: Uint8Array
  /** Lowest first, read under the same profile; the caller has checked their diffIDs. */
  readonly layers: readonly NormalizedLayer[]
  readonly profile: Profile
  readonly limits?: NormalizeLimits | undefined
}

export interface NormalizedImage {
  readonly profile: string
  /** `os/arch[/variant]`, arm64 without `v8`. */
  readonly platform: string
  /** `<profile>:sha256:<hex>` */
  readonly normalizedDigest: string
  readonly rootfsDigest: string | undefined
  /** Why there is no rootfs digest. */
  readonly rootfsError: NormalizeError | undefined
  readonly layers: readonly NormalizedLayer[]
  /** The flattened tree, where there is a rootfs digest. */
  readonly root: DirectoryNode | undefined
  /** The canonical config. */
  readonly config: string
  /** Annotations that count: of the manifest, and of each layer's descriptor. */
  readonly annotations: ReadonlyMap<string, string>
  readonly layerAnnotations: readonly ReadonlyMap<string, string>[]
  /** Files whose content the profile drops, as escaped paths, with the layer's index. */
  readonly dropped: readonly { readonly layer: number; readonly path: string }[]
}

export function normalizeImage(
  _components: { readonly crypto: Crypto },
  _parts: ImageParts,
): NormalizedImage {
  throw new Error('unfinished')
}
