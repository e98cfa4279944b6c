/**
 * Ids of normalization profiles, as statements carry them: `rebuildnet/1`, or with sorted
 * parameters `rebuildnet/1;drop=<path>;mtime=clamp:<n>`. What the parameters do is the
 * normalizer's matter; here is only how an id is written.
 */
import type { Field } from './field.ts'

const MAX_PROFILE_BYTES = 256

/** A name, a version, and parameters of printable ASCII without `;`. */
const PROFILE = /^([a-z][a-z0-9-]*\/[1-9][0-9]{0,3})((?:;[!-:<-~]+)*)$/
const PARAMETER = /^(?:drop=.+|label-=.+|xattr-=.+|mtime=clamp:(?:0|[1-9][0-9]*))$/

/**
 * Reads a profile id. One that a later version may define is `unknown-profile`, which peers are
 * not punished for; what no version will ever write is `not-canonical`.
 */
export function parseProfileId(field: Field): string {
  const id = field.spelled((text) => PROFILE.test(text), 'a profile id', MAX_PROFILE_BYTES)
  const [, base, rest = ''] = PROFILE.exec(id) ?? []
  const parameters = rest.split(';').slice(1)
  if (parameters.some((each, i) => i > 0 && (parameters[i - 1] ?? '') >= each)) {
    field.fail('not-canonical', 'has parameters that are not sorted, each once')
  }
  if (base !== 'rebuildnet/1' || !parameters.every((each) => PARAMETER.test(each))) {
    field.fail('unknown-profile', `names a profile that this rebuildnet does not have: ${id}`)
  }
  return id
}

/** Whether `digest` is one under exactly this profile. */
export function isDigestOfProfile(digest: string, profile: string): boolean {
  const prefix = `${profile}:sha256:`
  return digest.startsWith(prefix) && /^[0-9a-f]{64}$/.test(digest.slice(prefix.length))
}
