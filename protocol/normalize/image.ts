/**
 * The digests of a whole image. README.md, "Image".
 *
 * The normalized digest is over the config, the annotations and the layers; the rootfs digest is
 * over the config and the tree that the layers make. The second may be refused where the first
 * stands. Blob digests, sizes and diff IDs are the caller's to check, before this.
 */
import { toHex, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { escapePath } from '../escape-path.ts'
import { type Annotations, countedAnnotations, hashAnnotations } from './annotations.ts'
import { type ByteString, fromByteString } from './byte-string.ts'
import { parseConfig } from './config.ts'
import { flattenLayers } from './flatten.ts'
import type { NormalizedLayer } from './layer-reader.ts'
import { ImageBudget } from './image-budget.ts'
import { DEFAULT_NORMALIZE_LIMITS, type NormalizeLimits } from './limits.ts'
import type { ImageManifest } from './manifest.ts'
import { NormalizeError } from './normalize-error.ts'
import { childOf } from './packed-tree.ts'
import type { Profile } from './profile.ts'
import { TaggedHash } from './tagged-hash.ts'
import type { BlockStore } from './tree-bytes.ts'
import type { DirectoryNode } from './tree.ts'

export interface ImageParts {
  /** Undefined for a docker-archive, which has neither manifest nor annotations. */
  readonly manifest?: ImageManifest | undefined
  /** The stored bytes of the config, whose digest the caller has checked. */
  readonly config: Uint8Array
  /** Lowest first, read under the same profile; the caller has checked their diff IDs. */
  readonly layers: readonly NormalizedLayer[]
  readonly profile: Profile
  readonly limits?: NormalizeLimits | undefined
  /** Where the flattened tree is put; default memory of this thread. */
  readonly store?: BlockStore | undefined
}

/** A file whose content the profile drops. */
interface DroppedFile {
  /** Index of the layer. */
  readonly layer: number
  /** Escaped. */
  readonly path: string
}

export interface NormalizedImage {
  /** Id of the profile. */
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
  readonly annotations: Annotations
  readonly layerAnnotations: readonly Annotations[]
  readonly dropped: readonly DroppedFile[]
}

/** Throws NormalizeError where there is no normalized digest. */
export function normalizeImage(
  components: { readonly crypto: Crypto },
  parts: ImageParts,
): NormalizedImage {
  const { manifest, layers, profile, limits = DEFAULT_NORMALIZE_LIMITS } = parts
  const config = parseConfig(parts.config, profile, limits)
  checkCounts(parts, config.diffIDs.length, limits)
  const hasher = new TaggedHash(components, { profile })
  const annotations = countedAnnotations(manifest?.annotations ?? new Map(), 'manifest')
  const layerAnnotations = layers.map((_, i) =>
    countedAnnotations(manifest?.layers[i]?.annotations ?? new Map(), 'layer'),
  )
  const configHash = hasher.hash('config', (writer) => writer.raw(utf8(config.canonical)))
  const annotationsHash = hashAnnotations(hasher, annotations)
  const layerHashes = layers.map(
    ({ root }, i) =>
      hasher.hash('layer', (writer) => writer.rawString(root.hash)) +
      hashAnnotations(hasher, layerAnnotations[i] ?? new Map()),
  )
  const image = hasher.hash('image', (writer) => {
    writer.rawString(configHash).rawString(annotationsHash).u32(layers.length)
    for (const hash of layerHashes) writer.rawString(hash)
  })
  return {
    profile: profile.id,
    platform: config.platform,
    normalizedDigest: writeDigest(profile, image),
    ...normalizeRootfs(parts, hasher, configHash),
    layers,
    config: config.canonical,
    annotations,
    layerAnnotations,
    dropped: layers.flatMap(({ root }, layer) =>
      [...profile.drop]
        .filter((path) => isDropped(root, path))
        .map((path) => ({
          layer,
          path: escapePath(fromByteString(path)),
        })),
    ),
  }
}

/** `<profile>:sha256:<hex>` */
export function writeDigest(profile: Profile, hash: ByteString): string {
  return `${profile.id}:sha256:${toHex(fromByteString(hash))}`
}

function checkCounts(parts: ImageParts, diffIDs: number, limits: NormalizeLimits): void {
  const { layers, manifest } = parts
  if (layers.length > limits.maxLayers) {
    throw new NormalizeError('limit-layers', `an image of more than ${limits.maxLayers} layers`)
  }
  const described = manifest?.layers.length ?? layers.length
  if (layers.length !== diffIDs || layers.length !== described) {
    throw new NormalizeError(
      'layer-count',
      `${layers.length} layers, ${described} in the manifest, and ${diffIDs} diff IDs in the config`,
    )
  }
  const budget = new ImageBudget(limits)
  for (const layer of layers) {
    budget.takeBytes(layer.bytes)
    budget.takeEntries(layer.treeEntries, layer.metadataBytes)
  }
}

function normalizeRootfs(
  { layers, profile, store }: ImageParts,
  hasher: TaggedHash,
  configHash: ByteString,
): Pick<NormalizedImage, 'rootfsDigest' | 'rootfsError' | 'root'> {
  try {
    const root = flattenLayers(
      layers.map((layer) => layer.root),
      profile,
      hasher,
      store,
    )
    const rootfs = hasher.hash('rootfs', (writer) => writer.rawString(root.hash))
    const hash = hasher.hash('rootfs-image', (writer) =>
      writer.rawString(configHash).rawString(rootfs),
    )
    return { rootfsDigest: writeDigest(profile, hash), rootfsError: undefined, root }
  } catch (error) {
    if (!(error instanceof NormalizeError)) throw error
    return { rootfsDigest: undefined, rootfsError: error, root: undefined }
  }
}

function isDropped(root: DirectoryNode, path: ByteString): boolean {
  const components = path.split('/')
  const name = components.pop() ?? ''
  let parent = root
  for (const component of components) {
    const child = childOf(parent, component)
    if (child?.kind !== 'directory') return false
    parent = child
  }
  const node = childOf(parent, name)
  return node?.kind === 'file' && node.dropped
}
