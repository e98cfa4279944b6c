/**
 * From a tag to one image: the way is the same in a layout, an archive and a registry.
 *
 * Index, platform, manifest, config; each document is checked against the descriptor that named
 * it, and what its descriptor claims (media type, platform) against what it is.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import { toHex } from '../../protocol/bytes.ts'
import type { Digest, Platform } from '../../protocol/identifiers.ts'
import { parseConfig } from '../../protocol/normalize/config.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import {
  parseManifest,
  parseManifestOrIndex,
  type Descriptor,
} from '../../protocol/normalize/manifest.ts'
import {
  NormalizeError,
  type NormalizeErrorCode,
} from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { ImageError } from './image-error.ts'
import type { ResolvedImage, ResolvedManifest } from './image-source.ts'
import { isIndexType, isManifestType } from './media-types.ts'
import { choosePlatform, platformUnavailable } from './platform-choice.ts'

/** A manifest or index that a reference names. */
export interface RootManifest {
  readonly bytes: Uint8Array
  readonly digest: Digest
  /** What the place that it came from says it is. */
  readonly mediaType: string
  /** What the place that it came from says it is for. */
  readonly platform: Platform | undefined
}

export interface ContentStore {
  /** What messages call the image. */
  readonly name: string
  fetchRoot(signal?: AbortSignal): Promise<RootManifest>
  openManifest(descriptor: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array>
  openBlob(descriptor: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

const LIMITS = DEFAULT_NORMALIZE_LIMITS

export async function resolveImage(
  components: { readonly crypto: Crypto },
  store: ContentStore,
  wanted: Platform | undefined,
  signal?: AbortSignal,
): Promise<ResolvedImage> {
  const { manifest, claimed } = await resolveManifest(components, store, wanted, signal)
  const { config: configDescriptor, layers } = manifest.parsed
  const config = await readDocument(
    components,
    store.openBlob(configDescriptor, signal),
    configDescriptor,
    'limit-config',
    LIMITS.maxConfigBytes,
  )
  const parsedConfig = parseConfig(config, DEFAULT_PROFILE)
  const { platform, diffIDs } = parsedConfig
  if (claimed !== undefined && claimed !== platform) {
    throw new ImageError(
      'platform-mismatch',
      `${store.name}: its index says ${claimed}, its config ${platform}`,
    )
  }
  if (wanted !== undefined && wanted !== platform)
    throw platformUnavailable(store.name, wanted, [platform])
  if (diffIDs.length !== layers.length) {
    throw new NormalizeError(
      'layer-count',
      `the manifest has ${layers.length} layers, the config ${diffIDs.length}`,
    )
  }
  return {
    platform,
    manifest,
    config,
    parsedConfig,
    layers: layers.map(({ digest, size, mediaType, annotations }, index) => ({
      digest,
      size,
      mediaType,
      annotations,
      diffID: diffIDs[index] as Digest,
    })),
    openLayer: (index, layerSignal) => {
      const layer = layers[index]
      if (layer === undefined) throw new RangeError(`no layer ${index}`)
      return store.openBlob(layer, layerSignal)
    },
  }
}

async function resolveManifest(
  components: { readonly crypto: Crypto },
  store: ContentStore,
  wanted: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly manifest: ResolvedManifest; readonly claimed: Platform | undefined }> {
  const root = await store.fetchRoot(signal)
  if (!isIndexType(root.mediaType) && !isManifestType(root.mediaType))
    throw unsupported(store.name, root.mediaType)
  const parsed = parseManifestOrIndex(root.bytes)
  if (isIndexType(root.mediaType) !== (parsed.kind === 'index'))
    throw falseType(root.mediaType, parsed.kind)
  if (parsed.kind === 'manifest') {
    const { bytes, digest, mediaType } = root
    return { manifest: { bytes, digest, mediaType, parsed }, claimed: root.platform }
  }
  const descriptor = choosePlatform(parsed.manifests, wanted, store.name)
  const { digest, mediaType, platform } = descriptor
  if (isIndexType(mediaType)) {
    throw new ImageError(
      'nested-index',
      `${store.name}: its index holds another index for ${platform ?? 'a platform'}`,
    )
  }
  if (!isManifestType(mediaType)) throw unsupported(store.name, mediaType)
  const bytes = await readDocument(
    components,
    store.openManifest(descriptor, signal),
    descriptor,
    'limit-manifest',
    LIMITS.maxManifestBytes,
  )
  return { manifest: { bytes, digest, mediaType, parsed: parseManifest(bytes) }, claimed: platform }
}

/** The whole of a small blob, which must be what its descriptor says. */
export async function readDocument(
  components: { readonly crypto: Crypto },
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  limitCode: NormalizeErrorCode,
  maxBytes: number,
): Promise<Uint8Array> {
  if (size > maxBytes)
    throw new NormalizeError(limitCode, `${digest} has ${size} bytes, more than ${maxBytes}`)
  const parts: Uint8Array[] = []
  let received = 0
  for await (const chunk of chunks) {
    received += chunk.length
    if (received > maxBytes) break
    parts.push(Buffer.from(chunk))
  }
  const bytes = Buffer.concat(parts)
  const actual = `sha256:${toHex(components.crypto.sha256(bytes))}`
  if (actual !== digest)
    throw new NormalizeError(
      'blob-digest-mismatch',
      `what is stored as ${digest} hashes to ${actual}`,
    )
  if (bytes.length !== size) {
    throw new NormalizeError(
      'blob-size-mismatch',
      `${digest} has ${bytes.length} bytes, its descriptor says ${size}`,
    )
  }
  return bytes
}

function unsupported(name: string, mediaType: string): ImageError {
  return new ImageError(
    'media-type-unsupported',
    `${name} is "${mediaType}", which is neither an OCI nor a Docker (schema 2) image`,
  )
}

function falseType(mediaType: string, kind: string): NormalizeError {
  return new NormalizeError(
    'manifest-media-type',
    `what is announced as ${mediaType} is an image ${kind}`,
  )
}
