/** A normalized image from the members of its layers. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { normalizeImage, type NormalizedImage } from '../../protocol/normalize/image.ts'
import type { ImageManifest } from '../../protocol/normalize/manifest.ts'
import { parseProfile } from '../../protocol/normalize/profile.ts'
import { readLayer } from './read-layer.ts'
import { makeTar, type TarMember } from './tar-writer.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`

export interface ImageOptions {
  readonly profile?: string
  readonly config?: Readonly<Record<string, unknown>>
  readonly annotations?: Readonly<Record<string, string>>
  /** One a layer. */
  readonly layerAnnotations?: readonly Readonly<Record<string, string>>[]
  /** How many diff IDs the config has, where it is not the number of layers. */
  readonly diffIDs?: number
  /** False for an image of a docker-archive. */
  readonly manifest?: boolean
}

export function makeImage(
  layers: readonly (readonly TarMember[])[],
  options: ImageOptions = {},
): NormalizedImage {
  const profile = options.profile ?? 'rebuildnet/1'
  const config = {
    architecture: 'amd64',
    os: 'linux',
    ...options.config,
    rootfs: {
      type: 'layers',
      diff_ids: Array.from({ length: options.diffIDs ?? layers.length }, () => DIGEST),
    },
  }
  return normalizeImage(
    { crypto: nodeCrypto },
    {
      ...(options.manifest === false ? {} : { manifest: makeManifest(layers.length, options) }),
      config: utf8(JSON.stringify(config)),
      layers: layers.map((members, layer) => readLayer(makeTar(members), { layer, profile })),
      profile: parseProfile(profile),
    },
  )
}

function makeManifest(layers: number, options: ImageOptions): ImageManifest {
  const descriptor = { mediaType: 'x', digest: DIGEST, size: 1, platform: undefined }
  return {
    kind: 'manifest',
    config: { ...descriptor, annotations: new Map() },
    layers: Array.from({ length: layers }, (_, i) => ({
      ...descriptor,
      annotations: new Map(Object.entries(options.layerAnnotations?.[i] ?? {})),
    })),
    annotations: new Map(Object.entries(options.annotations ?? {})),
  }
}
