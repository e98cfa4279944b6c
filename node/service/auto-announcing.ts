/**
 * Announcing what a watcher has found: the same announcement as by hand, but made once by all
 * announcers of a project together, and only where nothing speaks against it.
 *
 * The store of statements is what says that a version is announced, since a release is in it before
 * anybody hears of it: whatever dies between that and the watcher's own note, the next look finds it.
 */
import type { Sid } from '../../protocol/identifiers.ts'
import type { Project } from '../../protocol/project.ts'
import { ProjectError } from '../../protocol/project-error.ts'
import type { Release, ReleasePlatform } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { ConfigError } from '../config-error.ts'
import { ImageError } from '../image/image-error.ts'
import type { NodeParts } from '../node-parts.ts'
import { ownStatements } from '../own-statements.ts'
import { BuildError, type BuildErrorCode } from '../rebuild/build-error.ts'
import { isOnBranch } from '../rebuild/remote-tags.ts'
import { isRelease } from '../tally.ts'
import type { WatchedRelease, WatchOutcome } from '../watch/watcher.ts'
import type { Announcing } from './announcing.ts'
import type { Following } from './following.ts'
import { fetchPublished, readSaying, type PublishedImages } from './published-images.ts'
import { insecureHosts } from './verdicts.ts'

/** After these, the same release may be announced without anybody having changed anything. */
const PASSING: ReadonlySet<BuildErrorCode> = new Set<BuildErrorCode>([
  'source-fetch-failed',
  'source-timeout',
  'source-disk-full',
  'source-cancelled',
])

type Before =
  | { readonly kind: 'known' | 'blind'; readonly sid: Sid }
  | { readonly kind: 'conflict'; readonly why: string }

export class AutoAnnouncing {
  readonly #parts: NodeParts
  readonly #following: Following
  readonly #announcing: Announcing

  constructor(parts: NodeParts, following: Following, announcing: Announcing) {
    this.#parts = parts
    this.#following = following
    this.#announcing = announcing
  }

  /** Throws only what is worth another try. */
  async announce(found: WatchedRelease, signal: AbortSignal): Promise<WatchOutcome> {
    try {
      return await this.#announce(found, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isForGood(error)) return { kind: 'refused', why: error.message }
      throw error
    }
  }

  async #announce(found: WatchedRelease, signal: AbortSignal): Promise<WatchOutcome> {
    const { project, announce } = this.#following.required(found.image)
    const self = this.#parts.identity.card.body.operator
    if (!announce || !project.announcers.includes(self)) {
      return { kind: 'refused', why: `${project.image} is not announced by this node any more` }
    }
    const { version, ref } = found
    const published = await fetchPublished(this.#parts, found.published, project, signal)
    const { images, missing, platforms } = published
    if (missing.length > 0) {
      return { kind: 'waiting', why: `the image is not there for ${missing.join(', ')} yet` }
    }
    const commit = found.commit ?? commitOf(project, images)
    const before = await this.#before(project, version, commit, platforms)
    if (before?.kind === 'known') return { kind: 'known', sid: before.sid }
    if (before?.kind === 'conflict') return before
    // A forge gives out commits of everybody's forks under the project's own address.
    if (found.commit === undefined && !(await this.#isOnBranch(project, commit, signal))) {
      const branch = project.watch?.branch ?? ''
      return {
        kind: 'refused',
        why: `the image names the commit ${commit}, which is not on ${branch}`,
      }
    }
    const source = { repository: project.source, commit, ref }
    const draft = { version, source, platforms, images }
    const publishes = before === undefined ? {} : { publishes: before.sid }
    const sid = await this.#announcing.sign(project, { ...draft, ...publishes }, signal)
    return { kind: 'announced', sid }
  }

  /** What the project's announcers have said of this version. */
  async #before(
    project: Project,
    version: string,
    commit: string,
    platforms: readonly ReleasePlatform[],
  ): Promise<Before | undefined> {
    const releases = await this.#releases(project, version)
    const same = releases.filter(({ body }) => body.source.commit === commit)
    const known = same.find(
      ({ body }) =>
        JSON.stringify(body.platforms) === JSON.stringify(platforms) ||
        // Its image has come meanwhile; the tag alone can say no more.
        isBlind(platforms),
    )
    if (known !== undefined) return { kind: 'known', sid: known.sid }
    const [first, ...others] = releases
    if (first === undefined) return undefined
    const withdrawn = await this.#parts.store.statements.withdrawalsOf(first.sid)
    const isOwn =
      this.#parts.signers.operatorOf(first.key) === this.#parts.identity.card.body.operator
    if (same.includes(first) && isBlind(first.body.platforms) && others.length === 0) {
      if (isOwn && withdrawn.length === 0) return { kind: 'blind', sid: first.sid }
    }
    const why = `version ${version} was announced with other content as ${first.sid.slice(0, 12)}: announce this by hand, under another version, if it is meant`
    return { kind: 'conflict', why }
  }

  /** Also those that were taken back: a machine does not say again what a person has withdrawn. */
  async #releases(
    { image, announcers }: Project,
    version: string,
  ): Promise<readonly SignedStatement<Release>[]> {
    const own = new Set((await ownStatements(this.#parts)).map(({ sid }) => sid))
    const all = await this.#parts.store.statements.releaseBy(image, version)
    return all.filter(isRelease).filter(({ sid, key }) => {
      const operator = this.#parts.signers.operatorOf(key)
      return own.has(sid) || (operator !== undefined && announcers.includes(operator))
    })
  }

  #isOnBranch(project: Project, commit: string, signal: AbortSignal): Promise<boolean> {
    const source = {
      repository: project.source,
      insecure: insecureHosts(this.#parts, project.image),
      folder: this.#parts.folder.work,
    }
    return isOnBranch(source, { commit, branch: project.watch?.branch ?? '' }, signal)
  }
}

/** The commit that the images name, all of them the same. */
function commitOf({ watch }: Project, images: PublishedImages['images']): string {
  const from = watch?.commit ?? ''
  const [commit, ...others] = new Set(images.map(({ image }) => readSaying(image, from) ?? ''))
  if (commit === undefined || commit === '') {
    throw new ConfigError('refused', `the image does not say which commit it is of: no ${from}`)
  }
  if (others.length > 0) {
    throw new ConfigError('refused', `its platforms name different commits under ${from}`)
  }
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) return commit
  throw new ConfigError('refused', `${from} of the image is no commit id`)
}

function isBlind(platforms: readonly ReleasePlatform[]): boolean {
  return platforms.every(({ manifestDigest }) => manifestDigest === undefined)
}

/** Whether it fails for what the tag, the image or the recipe is, and would fail again. */
function isForGood(error: unknown): error is Error {
  if (error instanceof ImageError) return !error.code.startsWith('registry-')
  if (error instanceof BuildError) return !PASSING.has(error.code)
  return error instanceof ConfigError || error instanceof ProjectError
}
