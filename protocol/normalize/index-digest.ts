/** The digest of an image index: of its platforms and their images, and of nothing else in it. */
import type { Crypto } from '../crypto.ts'
import type { NormalizedImage } from './image.ts'
import type { Profile } from './profile.ts'

/** `<profile>:sha256:<hex>`. Throws NormalizeError `index-duplicate-platform`. */
export function indexDigest(
  _components: { readonly crypto: Crypto },
  _profile: Profile,
  _images: readonly Pick<NormalizedImage, 'profile' | 'platform' | 'normalizedDigest'>[],
): string {
  throw new Error('unfinished')
}
