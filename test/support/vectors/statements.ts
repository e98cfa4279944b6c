/**
 * The vectors of statements: a signed example of each kind and outcome, and for each error code
 * bytes that must be answered with it.
 *
 *   node test/support/vectors/statements.ts    writes test/vectors/statements/*.json and input-digest.json
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { buildInputOf, encodeBuildInput, inputDigestOf } from '../../../protocol/input-digest.ts'
import type { StatementErrorCode } from '../../../protocol/statement-error.ts'
import { hexOf, makeRebuild } from '../statements.ts'
import { invalidCards } from './invalid-cards.ts'
import { invalidCommitments } from './invalid-commitments.ts'
import { invalidDsse } from './invalid-dsse.ts'
import { invalidEnvelopes } from './invalid-envelopes.ts'
import { invalidRebuilds } from './invalid-rebuilds.ts'
import { invalidReleases } from './invalid-releases.ts'
import { mismatchedRebuilds } from './mismatched-rebuilds.ts'
import { voteHash, encodeVote } from '../../../protocol/blind/vote-hash.ts'
import { good, released, reveal, toHex, validVectors } from './valid-statements.ts'

export { validVectors } from './valid-statements.ts'

export interface InvalidVector {
  readonly name: string
  readonly code: StatementErrorCode
  /** The binary form. */
  readonly hex: string
}

export interface InvalidDsseVector {
  readonly name: string
  readonly code: StatementErrorCode
  readonly envelope: string
}

export interface MismatchVector {
  readonly name: string
  /** Absent: the rebuild is one of the release. */
  readonly code?: StatementErrorCode
  readonly release: string
  readonly rebuild: string
}

export const invalidVectors: readonly InvalidVector[] = [
  ...invalidEnvelopes,
  ...invalidReleases,
  ...invalidRebuilds,
  ...invalidCards,
  ...invalidCommitments,
].map(([name, code, bytes]) => ({ name, code, hex: toHex(bytes) }))

export const invalidDsseVectors: readonly InvalidDsseVector[] = invalidDsse.map(
  ([name, code, envelope]) => ({ name, code, envelope }),
)

export const mismatchVectors: readonly MismatchVector[] = mismatchedRebuilds.map(
  ([name, code, release, rebuild]) => ({
    name,
    ...(code === undefined ? {} : { code }),
    release: toHex(release.bytes),
    rebuild: toHex(rebuild.bytes),
  }),
)

const failed = { kind: 'failed', stage: 'build', class: 'recipe' } as const

export const inputDigestVectors = [
  { name: 'a small recipe', of: good, platform: 'linux/amd64' },
  { name: 'a recipe with every field', of: released, platform: 'linux/arm64' },
].map(({ name, of, platform }) => {
  const input = buildInputOf(of.statement.body, platform)
  return {
    name,
    input,
    /** J, byte for byte. */
    canonical: encodeBuildInput(input),
    inputDigest: inputDigestOf(input, nodeCrypto),
  }
})

/** What commitments commit to. */
export const voteVectors = [reveal, makeRebuild({ release: good, outcome: failed })].map(
  ({ statement: { body, key } }) => {
    const { inputDigest, outcome, platform, profile, release } = body
    const vote = { inputDigest, outcome, platform, profile, release }
    const salt = hexOf('salt')
    /** `vote` is J, byte for byte. */
    return { key, salt, vote: encodeVote(vote, key), hash: voteHash(vote, key, salt, nodeCrypto) }
  },
)

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', '..', 'vectors')
  const write = (path: string, vectors: unknown): void =>
    writeFileSync(join(folder, path), `${JSON.stringify({ vectors }, null, 1)}\n`)
  write('statements/valid.json', validVectors)
  write('statements/invalid.json', invalidVectors)
  write('statements/invalid-dsse.json', invalidDsseVectors)
  write('statements/rebuild-of-release.json', mismatchVectors)
  write('input-digest.json', inputDigestVectors)
  write('vote-hash.json', voteVectors)
}
