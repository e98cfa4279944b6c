/**
 * One build by buildah, from an empty work folder to an OCI layout.
 */
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Material } from '../../protocol/rebuild.ts'
import { canRun, isEmulated } from '../system/host.ts'
import { findBaseImages, plainRegistries } from './base-images.ts'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import type { BuildJob } from './builder.ts'
import {
  budCommand,
  buildahEnvironment,
  configurationFiles,
  imageReference,
  inspectCommand,
  isBuiltImageName,
  layOut,
  listCommand,
  pullCommand,
  pushCommand,
  keepsBitsOfUsers,
  type BuildahHost,
  type BuildahLayout,
} from './buildah-commands.ts'
import { explainFailure } from './buildah-failure.ts'
import { refuseOwnImage, type BuiltImage } from './cold-build.ts'
import { succeeded, type CommandResult } from './command.ts'
import { Confinement } from './confinement.ts'
import type { SandboxFeature } from './sandbox-probe.ts'
import { resolveSourcePath, settleTree } from './source-tree.ts'
import { removeWorkFolder } from './work-folder.ts'

export interface BuildahComponents {
  readonly host: BuildahHost
  readonly features: ReadonlySet<SandboxFeature>
  readonly log: BuildLog
}

export class BuildahBuild {
  readonly #job: BuildJob
  readonly #components: BuildahComponents
  readonly #layout: BuildahLayout
  readonly #confinement: Confinement
  #source = ''

  constructor(job: BuildJob, components: BuildahComponents, signal: AbortSignal) {
    const { features, log, host } = components
    this.#job = job
    this.#components = components
    this.#layout = layOut(job.workDirectory)
    const { root } = this.#layout
    this.#confinement = new Confinement(
      job,
      {
        features,
        log,
        engine: host.program,
        root,
        separateUsers: keepsBitsOfUsers(host.program, host.version),
      },
      signal,
    )
  }

  /** Throws BuildError. Leaves nothing but the image either way. */
  async run(): Promise<Omit<BuiltImage, 'version'>> {
    const { recipe, platform, image } = this.#job
    try {
      this.#checkMachine()
      this.#source = await realpath(this.#job.sourceDirectory)
      const dockerfile = await resolveSourcePath(this.#source, recipe.dockerfile, 'dockerfile')
      const context = await resolveSourcePath(this.#source, recipe.context, 'context')
      const text = await readFile(dockerfile, 'utf8')
      const bases = findBaseImages(text, recipe, platform, image)
      const { host } = this.#components
      const push = pushCommand(this.#layout, host, recipe)

      const plain = plainRegistries(bases, this.#job.insecureRegistries)
      await this.#confinement.start(plain)
      await this.#prepare(plain)
      for (const base of bases) {
        await this.#command('pull', pullCommand(this.#layout, host, platform, base))
      }
      const inputs = { recipe, platform, dockerfile, context }
      await this.#command('build', budCommand(this.#layout, host, inputs))
      const materials = await this.#listMaterials(bases)
      await this.#command('export', push)
      const { fetched } = this.#confinement
      return {
        image: imageReference(this.#layout),
        materials,
        emulated: isEmulated(platform),
        ...(fetched.length === 0 ? {} : { fetched }),
      }
    } finally {
      await this.#confinement.stop()
      await this.#cleanUp()
    }
  }

  #checkMachine(): void {
    const { recipe, platform } = this.#job
    if (!canRun(platform)) {
      throw new BuildError(
        'recipe-not-supported',
        `this machine cannot run ${platform} programs: build on one that does, or install qemu-user-static and binfmt-support`,
      )
    }
    if (recipe.dockerfile.endsWith('.in')) {
      throw new BuildError(
        'recipe-not-supported',
        `buildah would preprocess ${recipe.dockerfile}: rename it so that it does not end in .in`,
      )
    }
    if (recipe.network === 'none' && !this.#components.features.has('network')) {
      throw new BuildError(
        'recipe-not-supported',
        'the recipe asks for no network, which needs root and network namespaces on this machine',
      )
    }
  }

  async #prepare(plain: readonly string[]): Promise<void> {
    const { sourceDateEpoch } = this.#job.recipe
    const layout = this.#layout
    // Versions that clamp times keep older ones; and all hash the modes of files into the history.
    if (sourceDateEpoch !== undefined) await settleTree(this.#source, sourceDateEpoch)
    for (const directory of [layout.run, layout.temporary, layout.home, layout.root]) {
      await mkdir(directory, { mode: 0o700 })
    }
    await mkdir(join(layout.configuration, 'registries.conf.d'), { recursive: true })
    const files = configurationFiles(layout, this.#components.host, plain)
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(layout.configuration, name), text)
    }
    // Where Podman looks for what its push has no working switch for.
    const own = join(layout.home, '.config/containers')
    await mkdir(own, { recursive: true })
    await writeFile(join(own, 'policy.json'), files['policy.json'] ?? '')
    await this.#confinement.give(layout.work, this.#source)
  }

  async #command(
    phase: 'pull' | 'build' | 'export',
    command: readonly string[],
    keepOutput = false,
  ): Promise<CommandResult> {
    const offline = phase === 'build' && this.#job.recipe.network === 'none'
    const online = phase === 'build' ? 'steps' : true
    const result = await this.#confinement.run(command, {
      env: buildahEnvironment(this.#layout),
      network: offline ? false : online,
      readable: [this.#source],
      keepOutput,
    })
    if (!succeeded(result)) {
      throw explainFailure({
        phase,
        exitCode: result.exitCode,
        output: result.tail,
        network: !offline,
        work: this.#layout.work,
        source: this.#source,
      })
    }
    return result
  }

  /** The base images with their digests; refuses the project's own, however it came in. */
  async #listMaterials(bases: readonly string[]): Promise<readonly Material[]> {
    const { host } = this.#components
    const found = new Map<string, string>()
    for (const base of bases) {
      const { output } = await this.#command(
        'build',
        inspectCommand(this.#layout, host, base),
        true,
      )
      found.set(base, output.trim())
    }
    // An ONBUILD trigger of a base image can pull what no Dockerfile names.
    const list = await this.#command('build', listCommand(this.#layout, host), true)
    for (const { names, digest } of parseImageList(list.output)) {
      for (const name of names) {
        if (!isBuiltImageName(name) && ![...found.values()].includes(digest))
          found.set(name, digest)
      }
    }
    for (const [name, digest] of found) refuseOwnImage(this.#job, name, digest)
    return [...found]
      .map(([name, digest]) => ({ uri: `docker://${name.replace(/@.*$/, '')}`, digest }))
      .sort((a, b) => (a.uri < b.uri ? -1 : a.uri > b.uri ? 1 : 0))
  }

  /** Takes away all but the image: storage of a build is many times its size. */
  async #cleanUp(): Promise<void> {
    const { storage, run, temporary, home, root, configuration } = this.#layout
    for (const directory of [root, storage, run, temporary, home, configuration]) {
      await removeWorkFolder(directory)
    }
  }
}

interface ListedImage {
  readonly names: readonly string[]
  readonly digest: string
}

/** The output of `buildah images --json`; images without a name or digest are intermediate ones. */
function parseImageList(text: string): readonly ListedImage[] {
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) return []
  return parsed.flatMap((item: unknown): ListedImage[] => {
    if (typeof item !== 'object' || item === null) return []
    // Podman's words for the same begin with capitals.
    const { names, digest, Names, Digest } = item as Readonly<Record<string, unknown>>
    const all = names ?? Names
    const is = digest ?? Digest
    if (!Array.isArray(all) || typeof is !== 'string') return []
    return [{ names: all.filter((name) => typeof name === 'string'), digest: is }]
  })
}
