/**
 * From a release to a signed result.
 *
 * A different result is rebuilt once more from cold before it is published, and so is a failure of
 * the recipe: dissent is an accusation. What is the machine's fault or the network's is tried
 * again and is never a vote. protocol/README.md ("Outcomes") and section 9.
 *
 * What a build gave is kept before anything is made of it, so that whoever is interrupted goes on.
 */
import type { Digest, Platform, Sid } from '../../protocol/identifiers.ts'
import type { Differences, ImageDigests, Outcome, Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { Clock } from '../clock.ts'
import { unixSeconds } from '../clock.ts'
import { completing, completionOf, type BlindResult, type Completion } from './blind-completion.ts'
import { keptAs, revived, type KeptBuilds } from './build-journal.ts'
import type { AttemptEnd, AttemptProgress } from './queue.ts'
import {
  isAgreement,
  isConfirmed,
  knownAs,
  sameAt,
  settle,
  summarize,
  votingLevel,
  type ColdBuild,
  type PublishedFetch,
  type VotingLevel,
} from './settlement.ts'

export interface RebuildWork {
  readonly sid: Sid
  readonly release: Release
  readonly platform: Platform
  readonly profile: string
  readonly inputDigest: string
  /** Own live results on the same input, which the new one takes the place of. */
  readonly supersedes: readonly Sid[]
  readonly attempt: number
  /** What an own earlier cold build of the same input gave, for another release of it. */
  readonly earlier?: ImageDigests
  /** What this node has said of the input before its image was out. */
  readonly completes?: BlindResult
  /** This node has found the input unstable before: one build that agrees proves nothing. */
  readonly doubted?: boolean
  /** What was built before this node was interrupted. */
  readonly kept?: KeptBuilds
}

export interface RebuilderComponents<Image> {
  readonly clock: Clock
  readonly buildCold: (
    work: RebuildWork,
    progress: AttemptProgress,
    signal: AbortSignal,
  ) => Promise<ColdBuild<Image>>
  readonly fetchPublished: (
    work: RebuildWork,
    digest: Digest,
    signal: AbortSignal,
  ) => Promise<PublishedFetch<Image>>
  readonly compare: (rebuilt: Image, published: Image, level: VotingLevel) => Differences
  /** Puts what was built on the disk; nothing in its place drops what was kept. */
  readonly keep: (kept: KeptBuilds | undefined) => Promise<void>
  /**
   * Told that two cold builds differ, before it is said. True where others agree on one digest: then
   * it is this machine, and nothing is said.
   */
  readonly doubtMachine: (work: RebuildWork) => Promise<boolean>
  /** Signs, stores durably, announces. */
  readonly publish: (body: Rebuild) => Promise<Sid>
}

/** How an attempt ended, and the log of the build that decided it. */
export type RebuildEnd = AttemptEnd & { readonly logDigest?: Digest }

/** Attempts after which a registry that does not answer no longer holds up the result. */
const MAX_UNREACHABLE_ATTEMPTS = 3

export class Rebuilder<Image> {
  readonly #components: RebuilderComponents<Image>

  constructor(components: RebuilderComponents<Image>) {
    this.#components = components
  }

  async rebuild(
    work: RebuildWork,
    progress: AttemptProgress,
    signal: AbortSignal,
  ): Promise<RebuildEnd> {
    const { buildCold, fetchPublished, publish, keep, doubtMachine, clock } = this.#components
    const { kept } = work
    const started = kept?.started ?? unixSeconds(clock)
    const level = votingLevel(work.release.recipe)
    const digest = work.release.platforms.find((p) => p.platform === work.platform)?.manifestDigest

    if (digest !== undefined) progress('fetch', 'reading the published image')
    const fetched = digest === undefined ? undefined : await fetchPublished(work, digest, signal)

    const completion = completionOf(work, fetched, digest, level)
    if (completion !== undefined) return this.#complete(work, completion, started, progress)

    const earlier = revived<Image>(kept?.builds[0])
    if (earlier === undefined) progress('build', 'building')
    const first = earlier ?? (await buildCold(work, progress, signal))
    if (first.kind === 'failed' && first.class === 'infrastructure') return infrastructure(first)
    let differences = kept?.differences ?? this.#differences(first, fetched, level)
    if (earlier === undefined) await keep(keptAs(started, [first], differences))
    const inLog = (build: ColdBuild<Image>): { readonly logDigest?: Digest } =>
      build.logDigest === undefined ? {} : { logDigest: build.logDigest }

    const published = knownAs(fetched, first, digest)
    if (published === undefined && work.attempt < MAX_UNREACHABLE_ATTEMPTS) {
      const reason = fetched?.kind === 'unreachable' ? fetched.reason : 'no answer'
      return {
        kind: 'infrastructure',
        reason: `the published image cannot be read: ${reason}`,
        ...inLog(first),
      }
    }

    let outcome: Outcome
    let last = first
    const settledByOne =
      work.doubted !== true &&
      (isAgreement(first, published, level) || isConfirmed(first, work.earlier, level))
    if (settledByOne) {
      outcome = { kind: 'built', rebuilt: first.digests }
    } else {
      let second = revived<Image>(kept?.builds[1])
      if (second === undefined) {
        progress('rebuild', 'differs or failed; building once more from cold before saying so')
        second = await buildCold(work, progress, signal)
        if (second.kind === 'failed' && second.class === 'infrastructure')
          return infrastructure(second)
        // The image of a first build that was resumed is gone; this one may be the same.
        differences ??= this.#differences(second, fetched, level)
        await keep(keptAs(started, [first, second], differences))
      }
      last = second
      const settled = settle(first, second, level)
      if (settled === undefined) {
        await keep(undefined)
        return {
          kind: 'infrastructure',
          reason: 'of two cold builds one failed and one did not',
          ...inLog(first.kind === 'failed' ? first : second),
        }
      }
      outcome = settled
      if (outcome.kind === 'unstable' && (await doubtMachine(work))) {
        return { kind: 'later', until: unixSeconds(clock), reason: 'voting stopped' }
      }
    }

    progress('publish', 'signing the result')
    const sid = await publish({
      kind: 'rebuild',
      image: work.release.image,
      release: work.sid,
      inputDigest: work.inputDigest,
      commit: work.release.source.commit,
      platform: work.platform,
      profile: work.profile,
      outcome,
      ...(digest === undefined ? {} : { publishedDigest: digest }),
      published: published ?? { unfetched: true },
      ...(outcome.kind === 'built' && differences !== undefined ? { differences } : {}),
      ...completing(work, outcome, digest),
      environment: last.environment,
      materials: last.kind === 'built' ? last.materials : [],
      ...inLog(last),
      started,
      // A clock that was set back in the meantime.
      finished: Math.max(started, unixSeconds(clock)),
      supersedes: work.supersedes,
    })
    const why = last.kind === 'failed' ? `: ${last.message}` : ''
    const summary = `${summarize(outcome, published, level)}${why}`
    await keep(undefined)
    return { kind: 'published', sid, summary, ...inLog(last) }
  }

  /** The image that is out is the one that this node had built before: nothing is built again. */
  async #complete(
    work: RebuildWork,
    { result, published }: Completion,
    started: number,
    progress: AttemptProgress,
  ): Promise<RebuildEnd> {
    progress('publish', 'signing that the published image is the one that was built')
    const { sid: completes, rebuilt, environment, materials, logDigest } = result
    const { release, inputDigest, platform, profile, supersedes } = work
    const sid = await this.#components.publish({
      kind: 'rebuild',
      image: release.image,
      release: work.sid,
      inputDigest,
      commit: release.source.commit,
      platform,
      profile,
      outcome: { kind: 'built', rebuilt },
      publishedDigest: published.manifestDigest,
      published,
      completes,
      environment,
      materials,
      ...(logDigest === undefined ? {} : { logDigest }),
      started,
      finished: Math.max(started, unixSeconds(this.#components.clock)),
      supersedes,
    })
    await this.#components.keep(undefined)
    return { kind: 'published', sid, summary: 'same as published; built before it was out' }
  }

  #differences(
    build: ColdBuild<Image>,
    fetched: PublishedFetch<Image> | undefined,
    level: VotingLevel,
  ): Differences | undefined {
    if (build.kind !== 'built' || fetched?.kind !== 'fetched') return undefined
    if (build.image === undefined) return undefined
    if (sameAt(level, build.digests, fetched.digests)) return undefined
    return this.#components.compare(build.image, fetched.image, level)
  }
}

function infrastructure<Image>(failed: ColdBuild<Image> & { kind: 'failed' }): RebuildEnd {
  const { message, retryAfterSeconds } = failed
  return {
    kind: 'infrastructure',
    reason: message,
    ...(failed.logDigest === undefined ? {} : { logDigest: failed.logDigest }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  }
}
