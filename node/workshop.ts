/**
 * Where releases are rebuilt: the builders of this machine, the source, and the reading of images,
 * put together for the rebuilder.
 *
 * Each build has a fresh folder below the work folder, with the source in one part of it and the
 * builder's state in another; nothing of it is left afterwards but the log.
 */
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { utf8 } from '../protocol/bytes.ts'
import type { Crypto } from '../protocol/crypto.ts'
import { escapePath, parseEscapedPath } from '../protocol/escape-path.ts'
import type { Digest, Platform } from '../protocol/identifiers.ts'
import { listPaths } from '../protocol/listed-path.ts'
import { diffImages } from '../protocol/normalize/diff.ts'
import { imageObjects, type TreeObject } from '../protocol/normalize/tree-object.ts'
import { NormalizeError } from '../protocol/normalize/normalize-error.ts'
import type { Differences, ImageDigests, RebuildEnvironment } from '../protocol/rebuild.ts'
import type { BuilderName, BuilderPin } from '../protocol/recipe.ts'
import type { Release } from '../protocol/release.ts'
import type { Logger } from './logger.ts'
import { ImageError } from './image/image-error.ts'
import { rootfsLevel } from './image/describe-normalized.ts'
import { normalizeSource, type NormalizedSource } from './image/normalizer.ts'
import { openImage } from './image/open-image.ts'
import { parseReference } from './image/reference.ts'
import { askedWait } from './rebuild/asked-wait.ts'
import { BuildError } from './rebuild/build-error.ts'
import { BuildLog } from './rebuild/build-log.ts'
import {
  type AvailableBuilder,
  type Builder,
  type BuildJob,
  type BuildLimits,
  type BuildResult,
} from './rebuild/builder.ts'
import { BuilderPool } from './rebuild/builder-pool.ts'
import type { EgressRoutes } from './rebuild/egress/route.ts'
import type { AttemptProgress } from './rebuild/queue.ts'
import type { RebuildWork } from './rebuild/rebuilder.ts'
import type { ColdBuild, PublishedFetch } from './rebuild/settlement.ts'
import { fetchSource } from './rebuild/source.ts'
import { Cgroup } from './rebuild/cgroup.ts'
import { removeWorkFolder, withWorkFolder } from './rebuild/work-folder.ts'
import { isEmulated, readHostFacts } from './system/host.ts'

export interface Engine {
  readonly name: BuilderName
  readonly version: string
  readonly isolation: string
  /** Whether a recipe is kept from this machine well enough to run without being trusted. */
  readonly isolated: boolean
  readonly warnings: readonly string[]
}

export interface WorkshopComponents {
  readonly crypto: Crypto
  readonly logger: Logger
  readonly builders: readonly Builder[]
  /** Hosts of a project that may be plain http or private addresses. */
  readonly insecure: (image: string) => readonly string[]
  /** Where the trees of what was built and of what was published are kept. */
  readonly trees: { keep(objects: Iterable<TreeObject>): Promise<void> }
  /** Values of the release that stand for its commit's time, by the project file: they must be it. */
  readonly commitTimes: (release: Release) => readonly string[]
}

export interface WorkshopOptions {
  readonly workFolder: string
  readonly logFolder: string
  readonly limits: BuildLimits
  readonly routes: EgressRoutes
}

const NO_BUILDER = 'no builder of the recipe is on this machine'
const ELSEWHERE = 'elsewhere'
/** A Docker that does not answer is no reason for a node not to start. */
const SWEEP_TIMEOUT_MS = 60_000

export class Workshop {
  readonly #components: WorkshopComponents
  readonly #options: WorkshopOptions
  readonly #facts = readHostFacts()
  readonly #pool: BuilderPool

  constructor(components: WorkshopComponents, options: WorkshopOptions) {
    this.#components = components
    this.#options = options
    this.#pool = new BuilderPool(components.builders)
  }

  /** Takes away what a process that died left in the work folder, and with builders. */
  async clean(): Promise<void> {
    // First: what still runs may hold on to its work folder.
    const { builders, logger } = this.#components
    for (const builder of builders) {
      const left = (await builder.sweep?.(AbortSignal.timeout(SWEEP_TIMEOUT_MS))) ?? []
      if (left.length > 0) logger.warn({ builder: builder.name, left }, 'left by a node that died')
    }
    await mkdir(this.#options.workFolder, { recursive: true, mode: 0o700 })
    await mkdir(this.#options.logFolder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#options.workFolder)) {
      await (await Cgroup.left(name)).remove()
      await removeWorkFolder(join(this.#options.workFolder, name))
    }
  }

  isNative(platform: Platform): boolean {
    return !isEmulated(platform, this.#facts.platform) || this.#pool.isNative(platform)
  }

  async engineFor(pins: readonly BuilderPin[], platform?: Platform): Promise<Engine | undefined> {
    const chosen = await this.#pool.choose(pins, platform)
    if (chosen === undefined) return undefined
    const { builder, detected } = chosen
    return { name: builder.name, ...detected }
  }

  /** The first builder found, whatever recipes ask for. */
  async anyEngine(): Promise<Engine | undefined> {
    const [first] = await this.#pool.available()
    return first === undefined ? undefined : { name: first.builder.name, ...first.detected }
  }

  /** The commands that would build it, with `$WORK` for the fresh folder. */
  async plan(release: Release, platform: Platform): Promise<readonly (readonly string[])[]> {
    const chosen = await this.#pool.choose(release.recipe.builders, platform)
    if (chosen === undefined) return []
    return chosen.builder.plan(this.#job(release, platform, '$WORK', '$WORK/build.log'))
  }

  async buildCold(
    work: RebuildWork,
    progress: AttemptProgress,
    signal: AbortSignal,
  ): Promise<ColdBuild<NormalizedSource>> {
    const { workFolder } = this.#options
    return withWorkFolder(workFolder, `${work.sid.slice(0, 12)}-`, (folder) =>
      this.#buildIn(folder, work, progress, signal),
    )
  }

  async fetchPublished(
    { release, platform, profile }: RebuildWork,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<PublishedFetch<NormalizedSource>> {
    try {
      const image = await normalizeSource(
        { crypto: this.#components.crypto },
        {
          reference: `docker://${release.image}@${digest}`,
          platform,
          profile,
          insecure: this.#components.insecure(release.image),
          signal,
        },
      )
      await this.#keepTree(image)
      return { kind: 'fetched', digests: imageDigests(image, digest), image }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof NormalizeError) return { kind: 'error', code: error.code }
      if (!(error instanceof ImageError)) throw error
      const gone = !error.transient && error.code === 'registry-not-found'
      return { kind: gone ? 'gone' : 'unreachable', reason: error.message }
    }
  }

  /** What differs at the level at which votes meet, from the published image to the own one. */
  compare(
    rebuilt: NormalizedSource,
    published: NormalizedSource,
    level: 'normalized' | 'rootfs',
  ): Differences {
    const { differences } = diffImages(published.normalized, rebuilt.normalized, { level })
    const paths = [...new Set(differences.map(({ path }) => path))].sort()
    // Keys of configs and annotations are no paths, and are escaped like one to be listed.
    const listed = paths.map((path) =>
      parseEscapedPath(path) === undefined ? escapePath(utf8(path)) : path,
    )
    return { count: paths.length, paths: listPaths(listed) }
  }

  async #buildIn(
    folder: string,
    work: RebuildWork,
    progress: AttemptProgress,
    signal: AbortSignal,
  ): Promise<ColdBuild<NormalizedSource>> {
    const { release, platform } = work
    const { builders } = release.recipe
    const chosen = await this.#pool.choose(builders, platform)
    const environment = this.#environment(chosen, platform)
    const failure = (error: BuildError): ColdBuild<NormalizedSource> => ({
      kind: 'failed',
      stage: error.stage,
      class: error.class,
      message: error.message,
      logDigest: undefined,
      environment,
    })
    if (chosen === undefined) {
      return failure(new BuildError('builder-missing', NO_BUILDER))
    }
    const sourceDirectory = join(folder, 'source')
    progress('source', `fetching ${release.source.repository}`)
    const log = new BuildLog(join(folder, 'source.log'), this.#options.limits.logBytes)
    try {
      await this.#fetchSource(release, sourceDirectory, log, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof BuildError) return failure(error)
      throw error
    } finally {
      log.close()
    }
    const logFile = join(folder, 'build.log')
    const pooled = await this.#pool.run(
      builders,
      platform,
      async ({ builder, detected }) => {
        const place = builder.place === undefined ? '' : ` at ${builder.place}`
        progress('build', `building with ${builder.name} ${detected.version}${place}`)
        const workDirectory = await mkdtemp(join(folder, 'build-'))
        const job = this.#job(release, platform, workDirectory, logFile)
        return builder.build({ ...job, sourceDirectory }, signal)
      },
      signal,
    )
    signal.throwIfAborted()
    // The one that was there a moment ago has gone.
    if (pooled === undefined) return failure(new BuildError('builder-missing', NO_BUILDER))
    const { result } = pooled
    const built = this.#environment(pooled.chosen, platform, result)
    const logDigest = await this.#keepLog(logFile, result.logDigest)
    if (result.kind === 'failed') {
      const { stage, message } = result
      const wait = askedWait(result.logTail)
      const retry = wait === undefined ? {} : { retryAfterSeconds: wait }
      const failed = { kind: 'failed', stage, class: result.class, message } as const
      return { ...failed, ...retry, logDigest, environment: built }
    }
    progress('normalize', 'reading the image')
    const { materials } = result
    const read = await this.#read(result.image, work, signal)
    return { kind: 'built', ...read, materials, logDigest, environment: built }
  }

  /** Throws BuildError, also where the release gives its commit a time that it has not. */
  async #fetchSource(
    release: Release,
    directory: string,
    log: BuildLog,
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, commit, ref } = release.source
    const insecure = this.#components.insecure(release.image)
    const { commitTime } = await fetchSource(
      { repository, commit, ref, directory, insecure, log },
      signal,
    )
    const other = this.#components.commitTimes(release).find((time) => time !== String(commitTime))
    if (other === undefined) return
    throw new BuildError(
      'source-not-allowed',
      `the release says that its commit is of ${other}, and it is of ${commitTime} (seconds since 1970)`,
    )
  }

  /** The own image at its three levels; where it has no digest, the code in its place. */
  async #read(
    reference: string,
    { platform, profile }: RebuildWork,
    signal: AbortSignal,
  ): Promise<{ digests: ImageDigests; image: NormalizedSource | undefined }> {
    const { crypto } = this.#components
    const manifestDigest = await this.#manifestDigest(reference, platform)
    try {
      const image = await normalizeSource({ crypto }, { reference, platform, profile, signal })
      await this.#keepTree(image)
      return { digests: imageDigests(image, manifestDigest), image }
    } catch (error) {
      if (!(error instanceof NormalizeError)) throw error
      const level = { error: error.code }
      return {
        digests: { manifestDigest, normalizedDigest: level, rootfsDigest: level },
        image: undefined,
      }
    }
  }

  /** So that others can see what differs; a result stands without it. */
  async #keepTree({ normalized }: NormalizedSource): Promise<void> {
    const { crypto, logger, trees } = this.#components
    try {
      await trees.keep(imageObjects({ crypto }, normalized))
    } catch (error) {
      logger.warn({ error: String(error) }, 'the tree of an image could not be kept')
    }
  }

  async #manifestDigest(reference: string, platform: Platform): Promise<Digest> {
    const local = parseReference(reference)
    const registry = (): never => {
      throw new Error('a build leaves its image on the disk')
    }
    const source = await openImage({ crypto: this.#components.crypto, registry }, local)
    try {
      const digest = (await source.resolve(platform)).manifest?.digest
      if (digest === undefined) throw new Error('a build leaves an OCI layout')
      return digest
    } finally {
      await source.close()
    }
  }

  #job(release: Release, platform: Platform, workDirectory: string, logFile: string): BuildJob {
    return {
      sourceDirectory: join(workDirectory, '..', 'source'),
      workDirectory,
      recipe: release.recipe,
      platform,
      commit: release.source.commit,
      logFile,
      limits: this.#options.limits,
      routes: this.#options.routes,
      insecureRegistries: this.#components.insecure(release.image),
      image: release.image,
      publishedDigests: release.platforms.flatMap(({ manifestDigest }) => manifestDigest ?? []),
    }
  }

  #environment(
    chosen: AvailableBuilder | undefined,
    platform: Platform,
    result?: BuildResult,
  ): RebuildEnvironment {
    const built = result?.kind === 'built' ? result : undefined
    // Of a machine that is not this one nothing is known.
    const here = chosen?.builder.place === undefined
    return {
      builder: chosen?.builder.name ?? 'none',
      builderVersion: built?.version ?? chosen?.detected.version ?? 'none',
      kernel: here ? this.#facts.kernel : ELSEWHERE,
      cpu: here ? this.#facts.cpu : ELSEWHERE,
      emulated: built?.emulated ?? isEmulated(platform, this.#facts.platform),
    }
  }

  /** Logs are kept by their digest: what a statement names can be found again. */
  async #keepLog(logFile: string, logDigest: string): Promise<Digest | undefined> {
    const name = logDigest.replace('sha256:', '')
    try {
      await moveFile(logFile, join(this.#options.logFolder, `${name}.log`))
    } catch (error) {
      this.#components.logger.warn({ error: String(error) }, 'a build log could not be kept')
      await rm(logFile, { force: true })
      return undefined
    }
    return `sha256:${name}`
  }
}

function imageDigests(image: NormalizedSource, manifestDigest: Digest): ImageDigests {
  const { normalizedDigest } = image.normalized
  return { manifestDigest, normalizedDigest, rootfsDigest: rootfsLevel(image) }
}

/** Also from one disk to another: the work folder may be a disk of its own. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await copyFile(from, `${to}.part`)
    await rename(`${to}.part`, to)
    await rm(from)
  }
}
