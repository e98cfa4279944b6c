/**
 * One build by BuildKit, from an empty work folder to an OCI layout: by a daemon of the node's
 * own, which starts from nothing and ends with the build, or by one that others keep.
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
  blobCommand,
  buildCommand,
  buildKitEnvironment,
  historiesCommand,
  infoCommand,
  layOutBuildKit,
  policyFile,
  sourcePolicy,
  workersCommand,
  type BuildKitClient,
  type BuildKitInputs,
  type BuildKitLayout,
} from './buildkit-commands.ts'
import {
  daemonCommand,
  daemonFiles,
  type BuildKitPrograms,
  type DaemonSettings,
} from './buildkit-daemon.ts'
import { explainBuildKitFailure } from './buildkit-failure.ts'
import { checkFrontend } from './buildkit-frontend.ts'
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
  readonly client: BuildKitClient
  /** Absent: the daemon is elsewhere. */
  readonly daemon?: {
    readonly programs: BuildKitPrograms
    readonly snapshotter: DaemonSettings['snapshotter']
  }
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
    const { recipe, platform, image } = this.#job
    const { client, daemon } = this.#components
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
        ...(daemon === undefined ? { cacheNamespace: randomUUID() } : {}),
      }
      const build = buildCommand(client, this.#layout, inputs)

      await this.#confinement.start()
      await this.#prepare(bases)
      if (daemon !== undefined) attended = this.#startDaemon(daemon.programs, ended.signal)
      const version = await this.#awaitDaemon(attended)
      checkPin(recipe.builders, 'buildkit', version)
      const natives = parsePlatforms(await this.#ask(workersCommand(client)))
      await this.#command(build)
      const materials = await this.#readMaterials()
      whole = true
      return {
        image: `oci:${this.#layout.image}:latest`,
        materials,
        version,
        emulated: isEmulated(platform, natives[0]),
      }
    } finally {
      ended.abort()
      await attended
      await this.#confinement.stop()
      await this.#cleanUp(whole)
    }
  }

  async #prepare(bases: readonly string[]): Promise<void> {
    const { recipe, image, insecureRegistries } = this.#job
    const { daemon } = this.#components
    const layout = this.#layout
    await settleTree(this.#source, recipe.sourceDateEpoch ?? 0)
    const { state, run, temporary, home, root, configuration } = layout
    for (const directory of [state, run, temporary, home, root, configuration]) {
      await mkdir(directory, { mode: 0o700 })
    }
    await writeFile(policyFile(layout), sourcePolicy(image, recipe.network))
    await writeFile(join(configuration, 'config.json'), '{}\n')
    if (daemon === undefined) return
    const settings = {
      snapshotter: daemon.snapshotter,
      insecureRegistries: plainRegistries(bases, insecureRegistries),
    }
    for (const { name, text, mode } of daemonFiles(layout, daemon.programs, settings)) {
      await writeFile(join(configuration, name), text)
      await chmod(join(configuration, name), mode)
    }
  }

  #startDaemon(programs: BuildKitPrograms, ended: AbortSignal): Promise<CommandResult> {
    return this.#confinement.attend(daemonCommand(this.#layout, programs), {
      env: buildKitEnvironment(this.#layout),
      network: true,
      makesNetworks: this.#job.recipe.network === 'none',
      readable: [programs.buildkitd, programs.runc],
      signal: ended,
    })
  }

  /** The version of the daemon, once it answers. */
  async #awaitDaemon(attended: Promise<CommandResult> | undefined): Promise<string> {
    const { client } = this.#components
    const failed = attended?.then((result) => {
      if (result.cancelled || result.timedOut) return new Promise<never>(() => undefined)
      throw new BuildError(
        'builder-failed',
        `buildkitd did not start: ${result.tail.trim().split('\n').at(-1) ?? ''}`,
      )
    })
    const patience = attended === undefined ? ANSWER_TIMEOUT_SECONDS : START_TIMEOUT_SECONDS
    const answer = this.#ask(infoCommand(client, patience)).catch((error: unknown) => {
      if (!(error instanceof BuildError) || error.code !== 'builder-failed') throw error
      throw new BuildError('builder-unreachable', `buildkitd does not answer: ${error.message}`)
    })
    const text = await (failed === undefined ? answer : Promise.race([failed, answer]))
    const version = parseInfo(text)
    if (version !== undefined) return version
    throw new BuildError('builder-failed', `buildkitd tells no version: ${text.trim()}`)
  }

  /** Standard output of a question to the daemon. */
  async #ask(command: readonly string[]): Promise<string> {
    return (await this.#command(command, true)).output
  }

  async #command(command: readonly string[], keepOutput = false): Promise<CommandResult> {
    const { client } = this.#components
    const { buildctl, address, tls } = client
    const socket = /^unix:\/\/(\/.+)$/.exec(address)?.[1]
    const result = await this.#confinement.run(command, {
      env: buildKitEnvironment(this.#layout),
      network: true,
      readable: [
        this.#source,
        buildctl,
        ...(tls === undefined ? [] : [tls.ca, tls.cert, tls.key]),
        ...(socket === undefined ? [] : [socket]),
      ],
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
      address: this.#components.daemon === undefined ? address : undefined,
    })
  }

  /** What the daemon has read; refuses the project's own image, however it came in. */
  async #readMaterials(): Promise<readonly Material[]> {
    const { client } = this.#components
    const reference = (await readFile(this.#layout.reference, 'utf8')).trim()
    const blobs = parseHistories(await this.#ask(historiesCommand(client)), reference)
    if (blobs.length === 0) {
      throw new BuildError(
        'builder-failed',
        'buildkitd keeps no account of what it read: switch its history on (buildkitd.toml)',
      )
    }
    const found = new Map<string, Material>()
    for (const blob of blobs) {
      for (const material of parseProvenance(await this.#ask(blobCommand(client, blob)))) {
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
