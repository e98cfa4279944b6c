/**
 * Announcing a release: every reference of the project's recipe is resolved now, before signing,
 * so that whoever tampers with the image later cannot steer its rebuild.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sid } from '../../protocol/identifiers.ts'
import type { Project } from '../../protocol/project.ts'
import type { Recipe } from '../../protocol/recipe.ts'
import { resolveTemplate } from '../../protocol/recipe-template.ts'
import type { Release, ReleasePlatform } from '../../protocol/release.ts'
import { unixSeconds } from '../clock.ts'
import { committedLogs } from '../committed-logs.ts'
import { ConfigError } from '../config-error.ts'
import type { AnnounceRequest, ReleaseSummary, StatementSummary } from '../http/node-service.ts'
import type { ResolvedImage } from '../image/image-source.ts'
import type { NodeParts } from '../node-parts.ts'
import { findBaseImages } from '../rebuild/base-images.ts'
import { BuildLog } from '../rebuild/build-log.ts'
import { resolveRemoteRef } from '../rebuild/remote-ref.ts'
import { fetchSource } from '../rebuild/source.ts'
import { resolveSourcePath } from '../rebuild/source-tree.ts'
import { withWorkFolder } from '../rebuild/work-folder.ts'
import { isRelease } from '../tally.ts'
import type { Following } from './following.ts'
import type { StatementQueries } from './statements.ts'
import { fetchPublished, readLabels, type PublishedImages } from './published-images.ts'
import { insecureHosts } from './verdicts.ts'

const PINNED = /@sha256:[0-9a-f]{64}$/
const SOURCE_LOG_BYTES = 1024 * 1024

/** A release but for its recipe, which is resolved last. */
export interface ReleaseDraft {
  readonly version: string
  readonly source: Release['source']
  readonly platforms: readonly ReleasePlatform[]
  readonly images: PublishedImages['images']
  readonly publishes?: Sid
}

/** What the recipe of a project is resolved by. */
interface RecipeInputs {
  readonly project: Project
  readonly source: { readonly commit: string; readonly ref: string }
  readonly published: ResolvedImage | undefined
}

export class Announcing {
  readonly #parts: NodeParts
  readonly #following: Following
  readonly #statements: StatementQueries

  constructor(parts: NodeParts, following: Following, statements: StatementQueries) {
    this.#parts = parts
    this.#following = following
    this.#statements = statements
  }

  async announce(request: AnnounceRequest, signal: AbortSignal): Promise<ReleaseSummary> {
    const { project } = this.#following.required(request.image)
    const self = this.#parts.identity.card.body.operator
    if (!project.announcers.includes(self)) {
      throw new ConfigError(
        'refused',
        `${self} (this node) is not among the announcers of ${project.image}: nobody would count it`,
      )
    }
    const { commit, ref } = await this.#commit(request, project, signal)
    const published = await fetchPublished(this.#parts, request.published, project, signal)
    const { images, missing, platforms } = published
    if (request.published !== undefined && images.length === 0) {
      throw new ConfigError(
        'refused',
        `${request.published} has no image for ${missing.join(', ')}`,
      )
    }
    await this.#refuseSecond(request, commit, platforms)
    const source = { repository: project.source, commit, ref }
    const sid = await this.sign(project, { ...request, source, platforms, images }, signal)
    return this.#statements.describeRelease(await this.#statements.findRelease(sid))
  }

  /** Resolves the recipe, signs and publishes what was found to be announced. */
  async sign(project: Project, draft: ReleaseDraft, signal: AbortSignal): Promise<Sid> {
    const { source, platforms, images, version, publishes } = draft
    const inputs = { project, source, published: images[0]?.image }
    const recipe = await this.#resolveRecipe(inputs, signal)
    const release: Release = {
      kind: 'release',
      image: project.image,
      version,
      source,
      recipe,
      platforms,
      ...(publishes === undefined ? {} : { publishes }),
      announced: unixSeconds(this.#parts.clock),
    }
    const logs = await committedLogs(this.#parts, release)
    return this.#parts.publish(logs.length === 0 ? release : { ...release, logs })
  }

  async withdraw(reference: string, reason: string): Promise<StatementSummary> {
    const found = await this.#statements.find(reference)
    if (found === undefined)
      throw new ConfigError('not-found', `no statement here is "${reference}"`)
    const { sid, key, body } = found
    if (body.kind !== 'release' && body.kind !== 'rebuild') {
      throw new ConfigError('refused', `a ${body.kind} statement cannot be withdrawn`)
    }
    const earlier = await this.#parts.store.statements.withdrawalsOf(sid)
    if (earlier.some((withdrawal) => withdrawal.key === key)) {
      throw new ConfigError('refused', `${sid.slice(0, 12)} is withdrawn already`)
    }
    const self = this.#parts.identity.card.body.operator
    if (this.#parts.signers.operatorOf(key) !== self) {
      throw new ConfigError(
        'refused',
        `${sid.slice(0, 12)} is not this operator's: nobody would count it`,
      )
    }
    const withdrawal = await this.#parts.publish({
      kind: 'withdrawal',
      image: body.image,
      withdraws: sid,
      reason,
      withdrawn: unixSeconds(this.#parts.clock),
    })
    const summary = await this.#statements.describe(withdrawal)
    if (summary === undefined) throw new Error('what was published is stored')
    return summary
  }

  async #commit(
    request: AnnounceRequest,
    project: Project,
    signal: AbortSignal,
  ): Promise<{ commit: string; ref: string }> {
    const { commit, ref } = request
    if (ref === undefined && commit === undefined) {
      throw new ConfigError(
        'bad-value',
        'say which source: --ref refs/tags/NAME, --commit ID, or both',
      )
    }
    if (commit !== undefined) return { commit, ref: ref ?? 'HEAD' }
    const wanted = ref ?? 'HEAD'
    const insecure = insecureHosts(this.#parts, project.image)
    const found = await resolveRemoteRef(
      { repository: project.source, ref: wanted, insecure, folder: this.#parts.folder.work },
      signal,
    )
    return { commit: found, ref: wanted }
  }

  /** Fetches the commit, which must exist, and resolves the recipe by it. */
  #resolveRecipe(given: RecipeInputs, signal: AbortSignal): Promise<Recipe> {
    const { work } = this.#parts.folder
    return withWorkFolder(work, 'announce-', (folder) => this.#resolveIn(folder, given, signal))
  }

  async #resolveIn(
    folder: string,
    { project, source, published }: RecipeInputs,
    signal: AbortSignal,
  ): Promise<Recipe> {
    const log = new BuildLog(join(folder, 'source.log'), SOURCE_LOG_BYTES)
    try {
      const { directory, commitTime } = await fetchSource(
        {
          ...source,
          repository: project.source,
          directory: join(folder, 'source'),
          insecure: insecureHosts(this.#parts, project.image),
          log,
        },
        signal,
      )
      const recipe = resolveTemplate(project.recipe, {
        annotations: Object.fromEntries(published?.manifest?.parsed.annotations ?? []),
        labels: published === undefined ? {} : readLabels(published.config),
        commitTime,
      })
      await refuseUnpinned(directory, recipe, project)
      return recipe
    } finally {
      log.close()
    }
  }

  /** The same announcement is made once; one version with two contents is said aloud. */
  async #refuseSecond(
    request: AnnounceRequest,
    commit: string,
    platforms: readonly ReleasePlatform[],
  ): Promise<void> {
    const earlier = await this.#parts.store.statements.releaseBy(request.image, request.version)
    for (const statement of earlier) {
      if (!isRelease(statement) || statement.key !== this.#parts.identity.key.publicKey) continue
      const { source, platforms: before } = statement.body
      const same = source.commit === commit && JSON.stringify(before) === JSON.stringify(platforms)
      const withdrawn = await this.#parts.store.statements.withdrawalsOf(statement.sid)
      if (withdrawn.length > 0 || request.publishes === statement.sid) continue
      throw new ConfigError(
        'refused',
        same
          ? `${request.image} ${request.version} is announced already: ${statement.sid.slice(0, 12)}`
          : `${request.image} ${request.version} was announced with other content as ${statement.sid.slice(0, 12)}: withdraw that first, or use another version`,
      )
    }
  }
}

/**
 * A base that is named by a tag is another image tomorrow: rebuilders would be given different
 * inputs under one input digest, and an honest release would look like dissent.
 */
async function refuseUnpinned(directory: string, recipe: Recipe, project: Project): Promise<void> {
  const dockerfile = await resolveSourcePath(directory, recipe.dockerfile, 'dockerfile')
  const text = await readFile(dockerfile, 'utf8')
  for (const platform of project.platforms) {
    for (const base of findBaseImages(text, recipe, platform, project.image)) {
      if (PINNED.test(base)) continue
      throw new ConfigError(
        'refused',
        `${recipe.dockerfile} builds on ${base}, which is not pinned: rebuilders could be given other images; write ${base}@sha256:… and release that commit`,
      )
    }
  }
}
