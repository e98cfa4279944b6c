/**
 * What a commitment commits to:
 *
 *   hash = hex(sha256("rebuildnet/commitment/1\0" | salt (32) | J))
 *
 * J is the RFC 8785 JSON of {inputDigest, key, outcome, platform, profile, release}. With the key in
 * it nobody can commit to what another has committed to and open it with the other's salt; without
 * 32 bytes of salt whoever can guess a digest could look whether it is the one.
 */
import { concat, parseHex, toHex, utf8 } from '../bytes.ts'
import { canonicalJson } from '../canonical-json.ts'
import type { Crypto } from '../crypto.ts'
import type { KeyHex } from '../identifiers.ts'
import type { JsonObject } from '../json.ts'
import type { Outcome, Rebuild } from '../rebuild.ts'

const DOMAIN = utf8('rebuildnet/commitment/1\0')
export const SALT_BYTES = 32

/** What is promised of a result: which one it is of, and what came out. */
export type Vote = Pick<Rebuild, 'inputDigest' | 'outcome' | 'platform' | 'profile' | 'release'>

/** The hash of the vote that `key` is to sign; `salt` is 64 hex digits. */
export function voteHash(vote: Vote, key: KeyHex, salt: string, crypto: Crypto): string {
  const bytes = parseHex(salt)
  if (bytes?.length !== SALT_BYTES) throw new Error(`not ${SALT_BYTES} bytes of hex: ${salt}`)
  return toHex(crypto.sha256(concat(DOMAIN, bytes, utf8(encodeVote(vote, key)))))
}

/** J. */
export function encodeVote(vote: Vote, key: KeyHex): string {
  const { inputDigest, outcome, platform, profile, release } = vote
  return canonicalJson({
    inputDigest,
    key,
    outcome: asJson(outcome),
    platform,
    profile,
    release,
  })
}

/** Alike for two outcomes where a commitment to them would be. */
export function encodeOutcome(outcome: Outcome): string {
  return canonicalJson(asJson(outcome))
}

/** Only readonly strings and objects of these. */
function asJson(outcome: Outcome): JsonObject {
  return outcome as unknown as JsonObject
}
