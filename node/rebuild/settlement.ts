/**
 * What two cold builds and the published image settle: a function of their digests, at the level at
 * which votes meet. protocol/README.md ("Outcomes").
 */
import type { Digest } from '../../protocol/identifiers.ts'
import type {
  ImageDigests,
  LevelDigest,
  Material,
  Outcome,
  PublishedImage,
  RebuildEnvironment,
  RebuildStage,
} from '../../protocol/rebuild.ts'
import { allowsSeveralBuilders, type Recipe } from '../../protocol/recipe.ts'

/** Where votes meet: `rootfs` for recipes that allow several builders. */
export type VotingLevel = 'normalized' | 'rootfs'

/** One build from nothing: fresh source, fresh storage, another folder. `Image` is kept for the diff. */
export type ColdBuild<Image> =
  | {
      readonly kind: 'built'
      readonly digests: ImageDigests
      /** Undefined where it has no normalized digest. */
      readonly image: Image | undefined
      readonly materials: readonly Material[]
      readonly logDigest: Digest | undefined
      readonly environment: RebuildEnvironment
    }
  | {
      readonly kind: 'failed'
      readonly stage: RebuildStage
      readonly class: 'recipe' | 'infrastructure'
      readonly message: string
      readonly logDigest: Digest | undefined
      readonly environment: RebuildEnvironment
      readonly retryAfterSeconds?: number
    }

/** The published image, as this node fetched it; `unreachable` may be tried again. */
export type PublishedFetch<Image> =
  | { readonly kind: 'fetched'; readonly digests: ImageDigests; readonly image: Image }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'gone'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string }

export function votingLevel(recipe: Recipe): VotingLevel {
  return allowsSeveralBuilders(recipe) ? 'rootfs' : 'normalized'
}

/** What can be said of the published image; undefined where its registry did not answer. */
export function knownAs<Image>(
  fetched: PublishedFetch<Image> | undefined,
  build: ColdBuild<Image>,
  digest: Digest | undefined,
): PublishedImage | undefined {
  if (digest === undefined || fetched === undefined) return { unfetched: true }
  // The manifest digest pins every byte: an own build that has it is the published image.
  if (build.kind === 'built' && build.digests.manifestDigest === digest) return build.digests
  if (fetched.kind === 'fetched') return fetched.digests
  if (fetched.kind === 'error') return { error: fetched.code }
  if (fetched.kind === 'gone') return { unfetched: true }
  return undefined
}

export function sameDigest(a: LevelDigest, b: LevelDigest): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a.error === b.error
}

function levelDigest(level: VotingLevel, digests: ImageDigests): LevelDigest {
  return level === 'normalized' ? digests.normalizedDigest : digests.rootfsDigest
}

export function sameAt(level: VotingLevel, a: ImageDigests, b: ImageDigests): boolean {
  return sameDigest(levelDigest(level, a), levelDigest(level, b))
}

/** True where one build is enough: it is what was published, or nothing can be compared with. */
export function isAgreement<Image>(
  build: ColdBuild<Image>,
  published: PublishedImage | undefined,
  level: VotingLevel,
): build is ColdBuild<Image> & { kind: 'built' } {
  if (build.kind !== 'built') return false
  if (published === undefined || 'unfetched' in published) return true
  return 'manifestDigest' in published && sameAt(level, build.digests, published)
}

/** True where an own earlier cold build of this input gave the same: this one was the second. */
export function isConfirmed<Image>(
  build: ColdBuild<Image>,
  earlier: ImageDigests | undefined,
  level: VotingLevel,
): build is ColdBuild<Image> & { kind: 'built' } {
  return build.kind === 'built' && earlier !== undefined && sameAt(level, build.digests, earlier)
}

/** The outcome of two cold builds; undefined where only one of them failed. */
export function settle<Image>(
  first: ColdBuild<Image>,
  second: ColdBuild<Image>,
  level: VotingLevel,
): Outcome | undefined {
  if (first.kind === 'failed' && second.kind === 'failed') {
    return { kind: 'failed', stage: second.stage, class: 'recipe' }
  }
  if (first.kind !== 'built' || second.kind !== 'built') return undefined
  if (sameAt(level, first.digests, second.digests)) return { kind: 'built', rebuilt: first.digests }
  return { kind: 'unstable', rebuilt: [first.digests, second.digests] }
}

export function summarize(
  outcome: Outcome,
  published: PublishedImage | undefined,
  level: VotingLevel,
): string {
  if (outcome.kind === 'failed') return `failed twice at stage ${outcome.stage}`
  if (outcome.kind === 'unstable') return 'unstable: two cold builds differ'
  if (published === undefined || 'unfetched' in published)
    return 'built; nothing published to compare with'
  if ('error' in published)
    return `built; the published image cannot be normalized (${published.error})`
  return sameAt(level, outcome.rebuilt, published)
    ? 'built; same as published'
    : 'built twice alike; DIFFERENT from what was published'
}
