/**
 * The choice of one platform in an image index.
 *
 * An index that says two things about one platform has no meaning that two runtimes are bound to
 * share: an error, whichever platform was asked for.
 */
import type { Platform } from '../../protocol/identifiers.ts'
import { encodePlatform, parsePlatform } from '../../protocol/platform.ts'
import { ImageError } from './image-error.ts'

/** The platform of attestation manifests, which are no images. */
const ATTESTATION = 'unknown/unknown'

/** Reads a platform that a person typed: `linux/arm64/v8` is taken for `linux/arm64`. */
export function readPlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...more] = text.split('/')
  const platform = encodePlatform({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
  })
  if (more.length > 0 || variant === '' || parsePlatform(platform) === undefined) {
    throw new ImageError(
      'platform-syntax',
      `platform "${text}" is not of the form os/arch[/variant], such as linux/amd64`,
    )
  }
  return platform
}

/**
 * The one descriptor of an index for `wanted`, which may be left out where there is one image
 * only. Throws ImageError `platform-*`; `what` names the index in the message.
 */
export function choosePlatform<D extends { readonly platform: Platform | undefined }>(
  descriptors: readonly D[],
  wanted: Platform | undefined,
  what: string,
): D {
  const byPlatform = new Map<Platform, D>()
  for (const descriptor of descriptors) {
    const { platform } = descriptor
    if (platform === ATTESTATION) continue
    if (platform === undefined) {
      throw new ImageError('platform-missing', `${what}: a manifest in the index names no platform`)
    }
    if (byPlatform.has(platform)) {
      throw new ImageError(
        'platform-duplicate',
        `${what}: the index has two manifests for ${platform}`,
      )
    }
    byPlatform.set(platform, descriptor)
  }
  const available = [...byPlatform.keys()].sort()
  const [only] = byPlatform.values()
  if (only === undefined) {
    throw new ImageError('platform-unavailable', `${what}: the index has no image`, { available })
  }
  if (wanted === undefined) {
    if (available.length === 1) return only
    throw new ImageError(
      'platform-required',
      `${what} is for several platforms; choose one with --platform: ${available.join(', ')}`,
      { available },
    )
  }
  const descriptor = byPlatform.get(wanted)
  if (descriptor === undefined) throw platformUnavailable(what, wanted, available)
  return descriptor
}

export function platformUnavailable(
  what: string,
  wanted: Platform,
  available: readonly Platform[],
): ImageError {
  return new ImageError(
    'platform-unavailable',
    `${what} has no image for ${wanted}; there is ${available.join(', ')}`,
    { available },
  )
}
