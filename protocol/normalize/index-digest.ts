/**
 * The digest of an image index: of its platforms and their images, and of nothing else in it.
 * Attestation manifests (platform unknown/unknown) are no images.
 */
import { parseHex, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { compareByteStrings, toByteString } from './byte-string.ts'
import { type NormalizedImage, writeDigest } from './image.ts'
import { NormalizeError } from './normalize-error.ts'
import type { Profile } from './profile.ts'
import { TaggedHash } from './tagged-hash.ts'

export type IndexedImage = Pick<NormalizedImage, 'profile' | 'platform' | 'normalizedDigest'>

/** `<profile>:sha256:<hex>`. Throws NormalizeError `index-duplicate-platform`. */
export function indexDigest(
  components: { readonly crypto: Crypto },
  profile: Profile,
  images: readonly IndexedImage[],
): string {
  const pairs = images
    .map((image) => [toByteString(utf8(image.platform)), imageHash(profile, image)] as const)
    .sort(([a], [b]) => compareByteStrings(a, b))
  for (const [i, [platform]] of pairs.entries()) {
    if (i === 0 || platform !== pairs[i - 1]?.[0]) continue
    throw new NormalizeError('index-duplicate-platform', `an index with two images for ${platform}`)
  }
  const hasher = new TaggedHash(components, { profile })
  const hash = hasher.hash('index', (writer) => {
    writer.u32(pairs.length)
    for (const [platform, image] of pairs) writer.lp16(platform).raw(image)
  })
  return writeDigest(profile, hash)
}

function imageHash(profile: Profile, { normalizedDigest }: IndexedImage): Uint8Array {
  const prefix = `${profile.id}:sha256:`
  const hash = normalizedDigest.startsWith(prefix)
    ? parseHex(normalizedDigest.slice(prefix.length))
    : undefined
  if (hash?.length !== 32) {
    throw new NormalizeError(
      'profile-unknown',
      `not a digest under ${profile.id}: ${normalizedDigest}`,
    )
  }
  return hash
}
