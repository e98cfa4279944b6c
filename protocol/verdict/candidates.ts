/**
 * The releases that may speak of what is asked, and the cells in which they are voted on.
 *
 * A candidate is a release of the asked repository (or of the one that the policy maps it to) for
 * the asked platform, from the source and by an announcer that a followed project file names. A
 * cell (inputDigest, profile) speaks of digest D only where one of its releases published D: an
 * old version on which rebuilders disagree says nothing about a newer image. protocol/verdict/README.md.
 */
import type { Digest, InputDigest, KeyHex, OperatorId, Sid } from '../identifiers.ts'
import { inputDigestIn } from '../input-digest.ts'
import { allowsSeveralBuilders } from '../recipe.ts'
import type { Release, ReleaseOutline } from '../release.ts'
import type { Setting } from './setting.ts'
import { isNewerVersion } from './version-order.ts'

export interface Candidate<R extends ReleaseOutline = ReleaseOutline> {
  readonly sid: Sid
  /** That signed it: one of the announcer's. */
  readonly key: KeyHex
  readonly release: R
  readonly announcer: OperatorId
  /** What it published for the asked platform; absent where it is blind. */
  readonly published: Digest | undefined
  /** Of the project file under which it is a candidate. */
  readonly profile: string
  /** Whether its announcer took it back. */
  readonly withdrawn: boolean
}

export interface Cell {
  readonly inputDigest: InputDigest
  readonly profile: string
  readonly severalBuilders: boolean
  /** Every candidate with this input: those that published D, blind ones, and others. */
  readonly releases: readonly Candidate<Release>[]
}

/** In the order of their sids, logged or not. */
export function findCandidates(setting: Setting): Candidate[] {
  const { question, projects, roster, isWithdrawn } = setting
  const candidates: Candidate[] = []
  for (const { sid, key, body } of setting.evidence.releases) {
    const platform = body.platforms.find((each) => each.platform === question.platform)
    const announcer = roster.operatorOf(key)
    if (platform === undefined || announcer === undefined) continue
    const profiles = projects
      .filter(
        ({ image, source, announcers }) =>
          image === body.image &&
          source === body.source.repository &&
          announcers.includes(announcer),
      )
      .map(({ profile }) => profile)
    for (const profile of new Set(profiles)) {
      candidates.push({
        sid,
        key,
        release: body,
        announcer,
        published: platform.manifestDigest,
        profile,
        withdrawn: isWithdrawn(announcer, sid),
      })
    }
  }
  return candidates.sort((a, b) => (a.sid < b.sid ? -1 : 1))
}

/** The cells that speak of D, in the order of their inputs. */
export function findCells(candidates: readonly Candidate[], setting: Setting): Cell[] {
  const { question, crypto } = setting
  const speaks = ({ published }: Candidate): boolean => published === question.digest
  // Equal inputs have equal commits: only these are worth hashing.
  const commits = new Set(candidates.filter(speaks).map(({ release }) => release.source.commit))
  const cells = new Map<string, Cell & { releases: Candidate<Release>[] }>()
  for (const candidate of candidates) {
    if (!commits.has(candidate.release.source.commit)) continue
    if (!isWhole(candidate)) throw new Error('a release that matters came in outline')
    const { release, profile } = candidate
    const inputDigest = inputDigestIn(release, question.platform, crypto)
    const key = `${inputDigest} ${profile}`
    const cell = cells.get(key) ?? {
      inputDigest,
      profile,
      severalBuilders: allowsSeveralBuilders(release.recipe),
      releases: [],
    }
    cell.releases.push(candidate)
    cells.set(key, cell)
  }
  return [...cells]
    .filter(([, { releases }]) => releases.some(speaks))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, cell]) => cell)
}

function isWhole(candidate: Candidate): candidate is Candidate<Release> {
  return 'recipe' in candidate.release
}

/** The newest of `candidates` by version; of those without an order, the first. */
export function newestOf<R extends ReleaseOutline>(
  candidates: readonly Candidate<R>[],
): Candidate<R> | undefined {
  return candidates.reduce<Candidate<R> | undefined>(
    (newest, each) =>
      newest === undefined || isNewerVersion(each.release.version, newest.release.version)
        ? each
        : newest,
    undefined,
  )
}
