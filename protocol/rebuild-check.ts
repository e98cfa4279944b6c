/**
 * A rebuild against the release that it names: the checks that need both. One that fails them is
 * invalid and is never tallied, but a node that lacks the release cannot tell. protocol/README.md.
 */
import type { Crypto } from './crypto.ts'
import { inputDigestIn } from './input-digest.ts'
import type { Rebuild } from './rebuild.ts'
import type { Release } from './release.ts'
import { StatementError } from './statement-error.ts'

/** Throws StatementError where `rebuild` is not one of `release`. The caller has matched the sid. */
export function checkRebuildAgainstRelease(
  rebuild: Rebuild,
  release: Release,
  crypto: Crypto,
): void {
  if (rebuild.image !== release.image) {
    mismatch('image', `is ${rebuild.image}, the release is of ${release.image}`)
  }
  if (rebuild.commit !== release.source.commit) {
    mismatch('commit', `is ${rebuild.commit}, the release is of ${release.source.commit}`)
  }
  const platform = release.platforms.find((each) => each.platform === rebuild.platform)
  if (platform === undefined) mismatch('platform', `${rebuild.platform} is not in the release`)
  if (rebuild.publishedDigest !== platform.manifestDigest) {
    mismatch(
      'publishedDigest',
      `is ${rebuild.publishedDigest ?? 'absent'}, the release has ${platform.manifestDigest ?? 'none'}`,
    )
  }
  const expected = inputDigestIn(release, rebuild.platform, crypto)
  if (rebuild.inputDigest !== expected) {
    throw new StatementError(
      'input-digest-mismatch',
      'predicate.inputDigest',
      `is ${rebuild.inputDigest}, the release and platform give ${expected}`,
    )
  }
}

function mismatch(field: string, message: string): never {
  throw new StatementError('release-mismatch', `predicate.${field}`, message)
}
