/**
 * Image manifests and indexes, OCI and Docker, read so that they have one meaning.
 *
 * Unknown keys are ignored, as the OCI specification asks; the `exact` level covers them.
 */
import { isDigest } from '../identifiers.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { parseAnnotations } from './annotations.ts'
import { checkKeyCase, member, parseImageJson } from './image-json.ts'
import { DEFAULT_NORMALIZE_LIMITS, type NormalizeLimits } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'
import { parsePlatformFields } from './platform-fields.ts'

export interface Descriptor {
  readonly mediaType: string
  /** `sha256:<hex>` of the stored bytes. */
  readonly digest: string
  readonly size: number
  readonly annotations: ReadonlyMap<string, string>
  /** `os/arch[/variant]`, arm64 without `v8`; undefined where the descriptor has none. */
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

const SCHEMA_VERSION = 2

const MANIFEST_TYPES = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
])
const INDEX_TYPES = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
])
const CONFIG_TYPES = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])
const LAYER_TYPES = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
])
const FOREIGN_TYPE = /nondistributable|foreign/

/** Tables of contents inside layers, which some runtimes read in place of the tar. */
const TOC_ANNOTATIONS = [
  { prefix: 'containerd.io/snapshot/stargz/', code: 'estargz' },
  { prefix: 'io.containers.estargz.', code: 'estargz' },
  { prefix: 'io.github.containers.zstd-chunked.', code: 'zstd-chunked' },
] as const

const MANIFEST_KEYS = new Set([
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'fsLayers',
  'subject',
  'annotations',
])
const DESCRIPTOR_KEYS = new Set([
  'mediaType',
  'digest',
  'size',
  'urls',
  'annotations',
  'data',
  'platform',
  'artifactType',
])

const PLATFORM_KEYS = new Set([
  'architecture',
  'os',
  'os.version',
  'os.features',
  'variant',
  'features',
])

/** A manifest or an index, whichever the bytes are. Throws NormalizeError. */
export function parseManifestOrIndex(
  bytes: Uint8Array,
  limits: NormalizeLimits = DEFAULT_NORMALIZE_LIMITS,
): ImageManifest | ImageIndex {
  const object = parseImageJson(bytes, 'manifest', {
    maxBytes: limits.maxManifestBytes,
    maxDepth: limits.maxConfigDepth,
    maxValues: limits.maxJsonValues,
  })
  checkKeyCase(object, MANIFEST_KEYS, 'manifest-case-folded-key')
  const layers = member(object, 'layers') ?? member(object, 'fsLayers')
  const manifests = member(object, 'manifests')
  if (manifests !== undefined && (layers ?? member(object, 'config')) !== undefined) {
    fail('manifest-layers-and-manifests', 'a manifest that is an index as well')
  }
  if (member(object, 'schemaVersion') !== SCHEMA_VERSION) {
    fail('manifest-schema-version', 'a manifest whose schemaVersion is not 2')
  }
  checkMediaType(object, manifests === undefined ? MANIFEST_TYPES : INDEX_TYPES)
  const annotations = parseAnnotations(member(object, 'annotations'))
  if (manifests !== undefined) {
    const descriptors = parseDescriptors(manifests, 'manifests')
    return { kind: 'index', manifests: descriptors, annotations }
  }
  const config = parseDescriptor(member(object, 'config'), 'config')
  if (!CONFIG_TYPES.has(config.mediaType)) {
    fail('manifest-config-media-type', `a config of type ${JSON.stringify(config.mediaType)}`)
  }
  const layerDescriptors = parseDescriptors(member(object, 'layers'), 'layers')
  if (layerDescriptors.length > limits.maxLayers) {
    fail('limit-layers', `an image of more than ${limits.maxLayers} layers`)
  }
  for (const [i, layer] of layerDescriptors.entries()) checkLayer(layer, i)
  return { kind: 'manifest', config, layers: layerDescriptors, annotations }
}

/** Throws NormalizeError `manifest-type` where the bytes are an index. */
export function parseManifest(bytes: Uint8Array, limits?: NormalizeLimits): ImageManifest {
  const value = parseManifestOrIndex(bytes, limits)
  if (value.kind !== 'manifest') fail('manifest-type', 'an index where a manifest is expected')
  return value
}

/** Throws NormalizeError `manifest-type` where the bytes are a manifest. */
export function parseIndex(bytes: Uint8Array, limits?: NormalizeLimits): ImageIndex {
  const value = parseManifestOrIndex(bytes, limits)
  if (value.kind !== 'index') fail('manifest-type', 'a manifest where an index is expected')
  return value
}

function fail(code: NormalizeError['code'], message: string, layer?: number): never {
  throw new NormalizeError(code, message, { layer })
}

/** OCI lets it be absent; where it stands it must say what the rest says. */
function checkMediaType(object: JsonObject, allowed: ReadonlySet<string>): void {
  const mediaType = member(object, 'mediaType')
  if (mediaType === undefined) return
  if (typeof mediaType !== 'string' || !allowed.has(mediaType)) {
    fail('manifest-media-type', `a manifest of type ${JSON.stringify(mediaType)}`)
  }
}

function checkLayer(layer: Descriptor, index: number): void {
  if (FOREIGN_TYPE.test(layer.mediaType)) fail('foreign-layer', 'a foreign layer', index)
  for (const { prefix, code } of TOC_ANNOTATIONS) {
    for (const key of layer.annotations.keys()) {
      if (key.startsWith(prefix)) fail(code, 'a layer with a table of contents', index)
    }
  }
  if (!LAYER_TYPES.has(layer.mediaType)) {
    const type = JSON.stringify(layer.mediaType)
    fail('manifest-layer-media-type', `a layer of type ${type}`, index)
  }
}

function parseDescriptors(value: JsonValue | undefined, what: string): readonly Descriptor[] {
  if (!Array.isArray(value)) fail('manifest-type', `${what} that is not an array`)
  return value.map((each: JsonValue, i) => parseDescriptor(each, `${what}[${i}]`))
}

function parseDescriptor(value: JsonValue | undefined, what: string): Descriptor {
  if (!isJsonObject(value)) fail('manifest-type', `${what} is no descriptor`)
  checkKeyCase(value, DESCRIPTOR_KEYS, 'manifest-case-folded-key')
  const mediaType = member(value, 'mediaType')
  const digest = member(value, 'digest')
  const size = member(value, 'size')
  if (typeof mediaType !== 'string') fail('manifest-type', `${what} has no mediaType`)
  if (typeof digest !== 'string' || !isDigest(digest)) {
    fail('manifest-digest', `${what} has a digest that is not sha256: and 64 hex digits`)
  }
  if (typeof size !== 'number' || size < 0) fail('manifest-size', `${what} has no size`)
  const urls = member(value, 'urls')
  if (urls !== undefined && !(Array.isArray(urls) && urls.length === 0)) {
    fail('foreign-layer', `${what} is to be fetched from elsewhere`)
  }
  const platform = member(value, 'platform')
  if (isJsonObject(platform)) checkKeyCase(platform, PLATFORM_KEYS, 'manifest-case-folded-key')
  return {
    mediaType,
    digest,
    size,
    annotations: parseAnnotations(member(value, 'annotations')),
    platform: platform === undefined ? undefined : parsePlatformFields(platform),
  }
}
