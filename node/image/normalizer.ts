/**
 * The normalized digests of an image, wherever it is, in one pass over each of its layers.
 *
 * Every blob digest, size and diffID is verified on the way; nothing is unpacked to disk and no
 * layer is held in memory, only the tree of its entries.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Digest, Platform } from '../../protocol/identifiers.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { DEFAULT_PROFILE, parseProfile } from '../../protocol/normalize/profile.ts'
import type { CreateRegistryClientComponents } from './create-registry-client.ts'
import { readRange } from './file-range.ts'
import { ImageLayers } from './image-layers.ts'
import type { LayerCache } from './layer-cache.ts'
import type { ExpectedLayer } from './blob-pass.ts'
import { openImage } from './open-image.ts'
import { readPlatform } from './platform-choice.ts'
import { encodeReference, parseReference, type ImageReference } from './reference.ts'
import type { RegistryClient } from './registry-client.ts'
import { openFile } from './tar-locator.ts'

export interface NormalizerComponents extends CreateRegistryClientComponents {
  /** Used instead of a client of its own; `insecure` is then the client's matter. */
  readonly registry?: RegistryClient
  /** Results of earlier runs; without it every layer is read. */
  readonly cache?: LayerCache | undefined
}

export interface NormalizeProgress {
  /** Index of a layer that is being read, one of several, and how many there are. */
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
  /**
   * Path of the program that inflates gzip; default the built-in inflater, which a node that signs
   * what it found should keep to (outside-decoder.ts).
   */
  readonly inflater?: string | undefined
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
  /** Of the config as it is stored. */
  readonly configDigest: Digest
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
  const registry = async () => {
    if (components.registry !== undefined) return components.registry
    // Not before it is needed: it takes longer to load than a small image takes to read.
    const { createRegistryClient } = await import('./create-registry-client.ts')
    return (own ??= createRegistryClient(components, { insecure: options.insecure ?? [] }))
  }
  const { inflater } = options
  const source = await openImage({ crypto: components.crypto, registry }, reference)
  try {
    const image = await source.resolve(platform, signal)
    const onBytes = onProgress && countBytes(image.layers, onProgress)
    const layers = new ImageLayers(components, { profile, inflater, signal, onBytes })
    const read = await layers.read({
      layers: image.layers,
      numbered: true,
      open: (index, abort) => image.openLayer(index, abort),
    })
    return {
      image: encodeReference(reference),
      platform: image.platform,
      profile: profile.id,
      manifestDigest: image.manifest?.digest ?? null,
      configDigest: `sha256:${toHex(components.crypto.sha256(image.config))}`,
      normalized: await layers.assemble({
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

/** Bytes of single layers, which are read at the same time and some of them twice, as one sum. */
function countBytes(
  layers: readonly ExpectedLayer[],
  onProgress: (progress: NormalizeProgress) => void,
): (layer: number, bytes: number) => void {
  const read = layers.map(() => 0)
  const totalBytes = layers.reduce((sum, { size }) => sum + size, 0)
  let total = 0
  return (layer, bytes) => {
    const more = Math.max(0, Math.min(bytes, layers[layer]?.size ?? 0) - (read[layer] ?? 0))
    read[layer] = (read[layer] ?? 0) + more
    total += more
    onProgress({ layer, layers: layers.length, bytes: total, totalBytes })
  }
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
    readonly onProgress?: ((progress: NormalizeProgress) => void) | undefined
  } = {},
): Promise<NormalizedLayerFile> {
  const { signal, onProgress } = options
  const profile = options.profile === undefined ? DEFAULT_PROFILE : parseProfile(options.profile)
  const handle = await openFile(file)
  try {
    const { size } = await handle.stat()
    const set = [{ size }]
    const onBytes = onProgress && countBytes(set, onProgress)
    const layers = new ImageLayers(components, { profile, signal, onBytes })
    const [layer] = await layers.read({
      layers: set,
      numbered: false,
      open: (_, abort) => readRange(handle, 0, size, file, abort),
    })
    if (layer === undefined) throw new Error('one layer has one result')
    const { digest, entries } = layer.normalized
    return { normalizedDigest: digest, entries }
  } finally {
    await handle.close()
  }
}
