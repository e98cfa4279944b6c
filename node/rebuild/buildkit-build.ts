/**
 * One build by BuildKit, from an empty work folder to an OCI layout: whoever keeps the
 * daemon (buildkit-keeper.ts).
 */
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Material } from '../../protocol/rebuild.ts'
import { isEmulated } from '../system/host.ts'
import { findBaseImages, plainRegistries } from './base-images.ts'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import { checkPin, type BuildJob } from './builder.ts'
import {
  blobWords,
  buildKitEnvironment,
  HISTORIES_WORDS,
  infoWords,
  layOutBuildKit,
  policyFile,
  sourcePolicy,
  WORKERS_WORDS,
  type BuildKitInputs,
  type BuildKitLayout,
} from './buildkit-commands.ts'
import { explainBuildKitFailure } from './buildkit-failure.ts'
import { checkFrontend } from './buildkit-frontend.ts'
import type { KeeperStage, KitKeeper } from './buildkit-keeper.ts'
import { parseHistories, parseProvenance } from './buildkit-materials.ts'
import { refuseOwnImage, type BuiltImage } from './cold-build.ts'
import { succeeded, type CommandResult } from './command.ts'
import { Confinement } from './confinement.ts'
import { parseInfo, parsePlatforms } from './buildkit-info.ts'
import type { SandboxFeature } from './sandbox-probe.ts'
import { resolveSourcePath, settleTree } from './source-tree.ts'
import { removeWorkFolder } from './work-folder.ts'

/** For a daemon that was only just started, on a busy machine. */
const START_TIMEOUT_SECONDS = 60
/** For one that runs elsewhere, and has others beside it. */
const ANSWER_TIMEOUT_SECONDS = 10

export interface BuildKitBuildComponents {
  readonly keeper: KitKeeper
  readonly features: ReadonlySet<SandboxFeature>
  readonly log: BuildLog
}

export class BuildKitBuild {
  readonly #job: BuildJob
  readonly #components: BuildKitBuildComponents
  readonly #layout: BuildKitLayout
  readonly #confinement: Confinement
  #source = ''

  constructor(job: BuildJob, components: BuildKitBuildComponents, signal: AbortSignal) {
    const { features, log } = components
    this.#job = job
    this.#components = components
    this.#layout = layOutBuildKit(job.workDirectory)
    const { root } = this.#layout
    this.#confinement = new Confinement(job, { features, log, engine: 'BuildKit', root }, signal)
  }

  /** Throws BuildError. Leaves nothing but the image either way. */
  async run(): Promise<BuiltImage> {
    const { recipe, platform, image, insecureRegistries } = this.#job
    const { keeper } = this.#components
    const ended = new AbortController()
    let attended: Promise<CommandResult> | undefined
    let whole = false
    try {
      this.#source = await realpath(this.#job.sourceDirectory)
      const dockerfile = await resolveSourcePath(this.#source, recipe.dockerfile, 'dockerfile')
      const context = await resolveSourcePath(this.#source, recipe.context, 'context')
      const text = await readFile(dockerfile, 'utf8')
      checkFrontend(text, recipe, image)
      const bases = findBaseImages(text, recipe, platform, image)
      const inputs: BuildKitInputs = {
        recipe,
        platform,
        dockerfile,
        context,
        ...(keeper.kind === 'elsewhere' ? { cacheNamespace: randomUUID() } : {}),
      }
      const build = keeper.build(this.#layout, inputs)

      const read = keeper.image === undefined ? bases : [...bases, keeper.image]
      const plain = plainRegistries(read, insecureRegistries)
      if (keeper.kind === 'elsewhere') await this.#confinement.start()
      else await this.#confinement.start(plain, { apart: keeper.kind })
      await this.#prepare(plain)
      attended = (await keeper.start?.(this.#stage(ended.signal)))?.attended
      const version = await this.#awaitDaemon(attended)
      checkPin(recipe.builders, keeper.name, version)
      const natives = parsePlatforms(await this.#ask(WORKERS_WORDS))
      await this.#command(build, { network: 'steps' })
      const materials = await this.#readMaterials()
      const { fetched } = this.#confinement
      whole = true
      return {
        image: `oci:${this.#layout.image}:latest`,
        materials,
        version,
        emulated: isEmulated(platform, natives[0]),
        ...(fetched.length === 0 ? {} : { fetched }),
      }
    } finally {
      ended.abort()
      await attended
      await keeper.stop?.()
      await this.#confinement.stop()
      await this.#cleanUp(whole)
    }
  }

  async #prepare(plain: readonly string[]): Promise<void> {
    const { recipe, image } = this.#job
    const { keeper } = this.#components
    const layout = this.#layout
    await settleTree(this.#source, recipe.sourceDateEpoch ?? 0)
    const { state, run, temporary, home, root, configuration } = layout
    for (const directory of [state, run, temporary, home, root, configuration]) {
      await mkdir(directory, { mode: 0o700 })
    }
    await writeFile(policyFile(layout), sourcePolicy(image, recipe))
    await writeFile(join(configuration, 'config.json'), '{}\n')
    const settings = {
      plainRegistries: plain,
      stepsApart: this.#confinement.stepsNetwork !== undefined,
    }
    for (const { path, text, mode } of keeper.files(layout, settings)) {
      await writeFile(path, text)
      await chmod(path, mode)
    }
  }

  #stage(ended: AbortSignal): KeeperStage {
    return {
      job: this.#job,
      layout: this.#layout,
      confinement: this.#confinement,
      environment: this.#environment(),
      command: (argv, options) => this.#command(argv, options),
      ended,
    }
  }

  #environment(): Readonly<Record<string, string>> {
    const { keeper } = this.#components
    return { ...buildKitEnvironment(this.#layout), ...keeper.environment(this.#layout) }
  }

  /** The version of the daemon, once it answers. */
  async #awaitDaemon(attended: Promise<CommandResult> | undefined): Promise<string> {
    const failed = attended?.then((result) => {
      if (result.cancelled || result.timedOut) return new Promise<never>(() => undefined)
      throw new BuildError(
        'builder-failed',
        `buildkitd did not start: ${result.tail.trim().split('\n').at(-1) ?? ''}`,
      )
    })
    const patience = attended === undefined ? ANSWER_TIMEOUT_SECONDS : START_TIMEOUT_SECONDS
    const answer = this.#ask(infoWords(patience)).catch((error: unknown) => {
      if (!(error instanceof BuildError) || error.code !== 'builder-failed') throw error
      throw new BuildError('builder-unreachable', `buildkitd does not answer: ${error.message}`)
    })
    const text = await (failed === undefined ? answer : Promise.race([failed, answer]))
    const version = parseInfo(text)
    if (version !== undefined) return version
    throw new BuildError('builder-failed', `buildkitd tells no version: ${text.trim()}`)
  }

  /** What the daemon answers to the words of buildctl. */
  async #ask(words: readonly string[]): Promise<string> {
    const { keeper } = this.#components
    return (await this.#command(keeper.ask(words), { keepOutput: true })).output
  }

  async #command(
    command: readonly string[],
    { keepOutput = false, network = true }: { keepOutput?: boolean; network?: true | 'steps' } = {},
  ): Promise<CommandResult> {
    const { keeper } = this.#components
    const result = await this.#confinement.run(command, {
      env: this.#environment(),
      network,
      readable: [this.#source, ...keeper.readable],
      keepOutput,
      limited: false,
    })
    if (succeeded(result)) return result
    throw explainBuildKitFailure({
      exitCode: result.exitCode,
      output: result.tail,
      network: this.#job.recipe.network !== 'none',
      work: this.#layout.work,
      source: this.#source,
      address: keeper.address,
    })
  }

  /** What the daemon has read; refuses the project's own image, however it came in. */
  async #readMaterials(): Promise<readonly Material[]> {
    const { keeper } = this.#components
    const reference = await keeper.readReference(this.#layout)
    const blobs = parseHistories(await this.#ask(HISTORIES_WORDS), reference)
    if (blobs.length === 0) {
      throw new BuildError(
        'builder-failed',
        'buildkitd keeps no account of what it read: switch its history on (buildkitd.toml)',
      )
    }
    const found = new Map<string, Material>()
    for (const material of builderMaterials(keeper.image)) found.set(material.uri, material)
    for (const blob of blobs) {
      for (const material of parseProvenance(await this.#ask(blobWords(blob)))) {
        if (material.uri.startsWith('docker://')) {
          refuseOwnImage(this.#job, material.uri, material.digest)
        }
        found.set(`${material.uri} ${material.digest}`, material)
      }
    }
    return [...found.values()].sort((a, b) => (a.uri < b.uri ? -1 : a.uri > b.uri ? 1 : 0))
  }

  /** Takes away all but an image that is whole. */
  async #cleanUp(whole: boolean): Promise<void> {
    const { state, run, temporary, home, root, configuration, image } = this.#layout
    // Where the client wrote the layout, it leaves an empty folder in it.
    for (const path of [root, state, run, temporary, home, configuration]) {
      await removeWorkFolder(path)
    }
    await removeWorkFolder(whole ? join(image, 'ingest') : image)
  }
}

/** The image that the builder itself ran from: `name[:tag]@sha256:…`. */
function builderMaterials(image: string | undefined): readonly Material[] {
  const [name, digest] = image?.split('@') ?? []
  return name === undefined || digest === undefined ? [] : [{ uri: `docker://${name}`, digest }]
}
