/**
 * Profile ids and their digests, as statements carry them. What a profile does is the
 * normalizer's matter (normalize/profile.ts).
 */
import type { Field } from './field.ts'
import { NormalizeError } from './normalize/normalize-error.ts'
import { parseProfile } from './normalize/profile.ts'

const MAX_PROFILE_BYTES = 256

/**
 * Reads a profile id. One that a later version may define is `unknown-profile`, which peers are
 * not punished for; what no version will ever write is `not-canonical`.
 */
export function parseProfileId(field: Field): string {
  const id = field.string(MAX_PROFILE_BYTES)
  try {
    return parseProfile(id).id
  } catch (error) {
    if (!(error instanceof NormalizeError)) throw error
    return field.fail(
      error.code === 'profile-unknown' ? 'unknown-profile' : 'not-canonical',
      error.message,
    )
  }
}

/** Whether `digest` is one under exactly this profile. */
export function isDigestOfProfile(digest: string, profile: string): boolean {
  const prefix = `${profile}:sha256:`
  return digest.startsWith(prefix) && /^[0-9a-f]{64}$/.test(digest.slice(prefix.length))
}
