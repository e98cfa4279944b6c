/**
 * The normalized digests of an image, wherever it is, in one pass over its layers.
 *
 * Every blob digest, size and diffID is verified on the way; nothing is unpacked to disk and no
 * layer is held in memory, only the tree of its entries.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import type { Digest, Platform } from '../../protocol/identifiers.ts'
import { ImageBudget } from '../../protocol/normalize/image-budget.ts'
import { normalizeImage, type NormalizedImage } from '../../protocol/normalize/image.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import { DEFAULT_PROFILE, parseProfile, type Profile } from '../../protocol/normalize/profile.ts'
import {
  createRegistryClient,
  type CreateRegistryClientComponents,
} from './create-registry-client.ts'
import { readRange } from './file-range.ts'
import type { ResolvedImage } from './image-source.ts'
import { readLayer } from './layer-pass.ts'
import { openImage } from './open-image.ts'
import { readPlatform } from './platform-choice.ts'
import { encodeReference, parseReference, type ImageReference } from './reference.ts'
import type { RegistryClient } from './registry-client.ts'
import { openFile } from './tar-locator.ts'

export interface NormalizerComponents extends CreateRegistryClientComponents {
  /** Used instead of a client of its own; `insecure` is then the client's matter. */
  readonly registry?: RegistryClient
}

export interface NormalizeProgress {
  /** Index of the layer that is being read, and how many there are. */
  readonly layer: number
  readonly layers: number
  /** Stored bytes read so far, and of all layers. */
  readonly bytes: number
  readonly totalBytes: number
}

export interface NormalizeOptions {
  readonly reference: string | ImageReference
  /** `os/arch[/variant]`; needed where the reference is an index of several. */
  readonly platform?: Platform | undefined
  /** Profile id; default `rebuildnet/1`. */
  readonly profile?: string | undefined
  /** `host[:port]` for which plain http and private addresses are allowed. */
  readonly insecure?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: NormalizeProgress) => void) | undefined
}

export interface NormalizedSourceLayer {
  /** Digest of the stored bytes. */
  readonly digest: Digest
  readonly diffID: Digest
  /** The layer digest under the profile, bare hex. */
  readonly normalizedDigest: string
  readonly entries: number
}

export interface NormalizedSource {
  /** The reference in its one spelling. */
  readonly image: string
  readonly platform: Platform
  /** Profile id. */
  readonly profile: string
  /** Null for a docker-archive. */
  readonly manifestDigest: Digest | null
  readonly normalized: NormalizedImage
  readonly layers: readonly NormalizedSourceLayer[]
}

/** Throws ImageError where the image cannot be had, NormalizeError where it has no digest. */
export async function normalizeSource(
  components: NormalizerComponents,
  options: NormalizeOptions,
): Promise<NormalizedSource> {
  const { signal, onProgress } = options
  const reference =
    typeof options.reference === 'string' ? parseReference(options.reference) : options.reference
  const platform = options.platform === undefined ? undefined : readPlatform(options.platform)
  const profile = options.profile === undefined ? DEFAULT_PROFILE : parseProfile(options.profile)
  let own: RegistryClient | undefined
  const registry = () =>
    components.registry ??
    (own ??= createRegistryClient(components, { insecure: options.insecure ?? [] }))
  const source = await openImage({ crypto: components.crypto, registry }, reference)
  try {
    const image = await source.resolve(platform, signal)
    const read = await readLayers(components, image, { profile, signal, onProgress })
    return {
      image: encodeReference(reference),
      platform: image.platform,
      profile: profile.id,
      manifestDigest: image.manifest?.digest ?? null,
      normalized: normalizeImage(components, {
        manifest: image.manifest?.parsed,
        config: image.config,
        layers: read.map(({ normalized }) => normalized),
        profile,
      }),
      layers: read.map(({ digest, diffID, normalized }) => ({
        digest,
        diffID,
        normalizedDigest: normalized.digest,
        entries: normalized.entries,
      })),
    }
  } finally {
    await source.close()
    await own?.close()
  }
}

interface ReadOptions {
  readonly profile: Profile
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: NormalizeProgress) => void) | undefined
}

async function readLayers(
  components: { readonly crypto: Crypto },
  image: ResolvedImage,
  { profile, signal, onProgress }: ReadOptions,
): Promise<
  { readonly digest: Digest; readonly diffID: Digest; readonly normalized: NormalizedLayer }[]
> {
  const totalBytes = image.layers.reduce((sum, { size }) => sum + size, 0)
  const read = []
  let before = 0
  const budget = new ImageBudget()
  for (const [index, blob] of image.layers.entries()) {
    const layer = await readLayer(components, blob, image.openLayer(index, signal), {
      profile,
      layer: index,
      budget,
      signal,
      onBytes: (bytes) =>
        onProgress?.({
          layer: index,
          layers: image.layers.length,
          bytes: before + bytes,
          totalBytes,
        }),
    })
    before += blob.size
    read.push(layer)
  }
  return read
}

export interface NormalizedLayerFile {
  /** Bare hex. */
  readonly normalizedDigest: string
  readonly entries: number
}

/** One bare layer: a tar, plain or compressed, told by its content. */
export async function normalizeLayerFile(
  components: { readonly crypto: Crypto },
  file: string,
  options: {
    readonly profile?: string | undefined
    readonly signal?: AbortSignal | undefined
  } = {},
): Promise<NormalizedLayerFile> {
  const { signal } = options
  const profile = options.profile === undefined ? DEFAULT_PROFILE : parseProfile(options.profile)
  const handle = await openFile(file)
  try {
    const { size } = await handle.stat()
    const { normalized } = await readLayer(
      components,
      { size },
      readRange(handle, 0, size, file, signal),
      { profile, signal },
    )
    return { normalizedDigest: normalized.digest, entries: normalized.entries }
  } finally {
    await handle.close()
  }
}
