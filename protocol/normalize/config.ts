/** The image config: read strictly, and written in the one form that is hashed. */
import type { NormalizeLimits } from './limits.ts'
import type { Profile } from './profile.ts'

export interface ImageConfig {
  /** `os/arch[/variant]`, arm64 without `v8`. */
  readonly platform: string
  /** `sha256:<hex>` of each uncompressed layer, lowest first. */
  readonly diffIDs: readonly string[]
  /** The canonical JSON, as the profile has it. */
  readonly canonical: string
}

export function parseConfig(
  _bytes: Uint8Array,
  _profile: Profile,
  _limits?: NormalizeLimits,
): ImageConfig {
  throw new Error('unfinished')
}
