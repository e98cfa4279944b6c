/**
 * A result that was said before its image was out, once it is: what was built is not built again
 * where it is what was published.
 */
import type { Digest, Sid } from '../../protocol/identifiers.ts'
import type { ImageDigests, Outcome, Rebuild } from '../../protocol/rebuild.ts'
import { sameAt, sameDigest, type PublishedFetch, type VotingLevel } from './settlement.ts'

/** An own result of a blind release: the published image is what is missing. */
export interface BlindResult extends Pick<Rebuild, 'environment' | 'materials' | 'logDigest'> {
  readonly sid: Sid
  readonly rebuilt: ImageDigests
}

export interface Completion {
  readonly result: BlindResult
  readonly published: ImageDigests
}

/** What this node has said of an input before; node/rebuild/rebuilder.ts. */
interface BlindWork {
  readonly completes?: BlindResult
  readonly doubted?: boolean
}

/** Where the own blind result is what was published; what differs is built again before it is said. */
export function completionOf<Image>(
  { completes, doubted }: BlindWork,
  fetched: PublishedFetch<Image> | undefined,
  digest: Digest | undefined,
  level: VotingLevel,
): Completion | undefined {
  if (completes === undefined || digest === undefined || doubted === true) return undefined
  const { rebuilt } = completes
  const published =
    rebuilt.manifestDigest === digest
      ? rebuilt
      : fetched?.kind === 'fetched'
        ? fetched.digests
        : undefined
  if (published === undefined || !sameAt(level, rebuilt, published)) return undefined
  return { result: completes, published }
}

/** `completes`, where what was built again is what had been said. */
export function completing(
  { completes }: Pick<BlindWork, 'completes'>,
  outcome: Outcome,
  digest: Digest | undefined,
): Pick<Rebuild, 'completes'> {
  if (completes === undefined || digest === undefined || outcome.kind !== 'built') return {}
  const { manifestDigest, normalizedDigest, rootfsDigest } = outcome.rebuilt
  const { rebuilt } = completes
  const same =
    rebuilt.manifestDigest === manifestDigest &&
    sameDigest(rebuilt.normalizedDigest, normalizedDigest) &&
    sameDigest(rebuilt.rootfsDigest, rootfsDigest)
  return same ? { completes: completes.sid } : {}
}
