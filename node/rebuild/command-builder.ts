/**
 * The builder `command`: a program of the operator's own, for everything that no other builder
 * does. docker/BUILDERS.md has the contract.
 *
 * The program is trusted like a builder, and pinned by digest like one; what it runs is not. So it
 * runs in the same sandbox and limits as the others, fetches first, and builds without a network
 * where the recipe asks for none.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Material } from '../../protocol/rebuild.ts'
import { canRun, isEmulated } from '../system/host.ts'
import { findBaseImages, plainRegistries } from './base-images.ts'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import {
  checkPin,
  type Builder,
  type BuildJob,
  type BuildResult,
  type DetectedBuilder,
} from './builder.ts'
import { buildFromCold, refuseOwnImage, type BuiltImage } from './cold-build.ts'
import { succeeded } from './command.ts'
import {
  EXIT_CODES,
  layOutCommand,
  programCommand,
  programEnvironment,
  programFiles,
  programFolders,
  type CommandLayout,
  type CommandPaths,
  type CommandPhase,
  type CommandProgram,
} from './command-contract.ts'
import { readSingleManifest, parseMaterials } from './command-output.ts'
import { Confinement } from './confinement.ts'
import { DISK_FULL, tidyReason } from './failed-command.ts'
import {
  describeIsolation,
  isIsolated,
  listEnforcement,
  missingIsolation,
  type BuilderIsolation,
} from './isolation.ts'
import { readPlannedBases } from './planned-bases.ts'
import { withEnvironment, writeCommands } from './planned-command.ts'
import { printOf } from './print-of.ts'
import { probeSandbox, type SandboxFeature } from './sandbox-probe.ts'
import { resolveSourcePath, settleTree } from './source-tree.ts'
import { removeWorkFolder } from './work-folder.ts'

/** What of the machine's isolation it makes use of. */
function isolationOf({ ownUsers }: CommandProgram): BuilderIsolation {
  const withoutUsers = 'give own_users = true where your program can do without'
  return { ownUsers, ownNetwork: true, withoutUsers }
}

export class CommandBuilder implements Builder {
  readonly name = 'command'
  readonly #program: CommandProgram

  constructor(program: CommandProgram) {
    this.#program = program
  }

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    const version = await this.#version(signal).catch(() => undefined)
    if (version === undefined) return undefined
    const features = await probeSandbox()
    const own = isolationOf(this.#program)
    return {
      version,
      isolation: describeIsolation(`that of ${basename(this.#program.path)}`, features, own),
      isolated: isIsolated(features),
      warnings: await missingIsolation(features, own),
      enforces: await listEnforcement(features, own),
    }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    return buildFromCold(job, async (cold, log) => {
      const version = await this.#version(signal)
      checkPin(cold.recipe.builders, 'command', version)
      const features = await probeSandbox()
      const components = { program: this.#program, features, log }
      const built = await new CommandBuild(cold, components, signal).run()
      return { ...built, version }
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const source = job.sourceDirectory
    const dockerfile = join(source, job.recipe.dockerfile)
    const context = join(source, job.recipe.context)
    const layout = layOutCommand(job.workDirectory)
    const bases = readPlannedBases(job, dockerfile)
    const environment = programEnvironment(layout, job, { source, dockerfile, context, bases })
    return [
      ['mkdir', '-p', '-m', '700', ...programFolders(layout)],
      ...writeCommands(programFiles(layout, job, bases)),
      ...(['fetch', 'build'] as const).map((phase) =>
        withEnvironment(environment, programCommand(this.#program, phase)),
      ),
    ]
  }

  /** Throws BuildError where the program is not what is pinned, or tells no version. */
  async #version(signal: AbortSignal): Promise<string> {
    const { path, sha256 } = this.#program
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw new BuildError('builder-missing', `${path} cannot be read`, { cause })
    })
    const found = createHash('sha256').update(bytes).digest('hex')
    if (found !== sha256) {
      throw new BuildError(
        'builder-differs',
        `${path} is sha256 ${found}, config.toml says ${sha256}: look at it, and change one of them`,
      )
    }
    const text = await printOf(programCommand(this.#program, 'version'), signal)
    const version = /^\d+\.\d+[0-9A-Za-z.+~-]*$/.exec(text?.trim() ?? '')?.[0]
    if (version !== undefined) return version
    throw new BuildError('builder-missing', `"${path} version" prints no version`)
  }
}

interface CommandBuildComponents {
  readonly program: CommandProgram
  readonly features: ReadonlySet<SandboxFeature>
  readonly log: BuildLog
}

class CommandBuild {
  readonly #job: BuildJob
  readonly #components: CommandBuildComponents
  readonly #layout: CommandLayout
  readonly #confinement: Confinement

  constructor(job: BuildJob, components: CommandBuildComponents, signal: AbortSignal) {
    const { features, log, program } = components
    this.#job = job
    this.#components = components
    this.#layout = layOutCommand(job.workDirectory)
    const { root } = this.#layout
    const engine = basename(program.path)
    const separateUsers = program.ownUsers
    const surroundings = { features, log, engine, root, separateUsers }
    this.#confinement = new Confinement(job, surroundings, signal)
  }

  /** Throws BuildError. Leaves nothing but the image either way. */
  async run(): Promise<Omit<BuiltImage, 'version'>> {
    const { recipe, platform, image } = this.#job
    let whole = false
    try {
      this.#checkMachine()
      const source = await realpath(this.#job.sourceDirectory)
      const dockerfile = await resolveSourcePath(source, recipe.dockerfile, 'dockerfile')
      const context = await resolveSourcePath(source, recipe.context, 'context')
      const bases = findBaseImages(await readFile(dockerfile, 'utf8'), recipe, platform, image)
      const paths = { source, dockerfile, context, bases }
      await this.#confinement.start(plainRegistries(bases, this.#job.insecureRegistries))
      await this.#prepare(source, bases)
      await this.#run('fetch', paths)
      await this.#run('build', paths)
      await readSingleManifest(this.#layout.image)
      const materials = await this.#readMaterials()
      const { fetched } = this.#confinement
      whole = true
      return {
        image: `oci:${this.#layout.image}`,
        materials,
        emulated: isEmulated(platform),
        ...(fetched.length === 0 ? {} : { fetched }),
      }
    } finally {
      await this.#confinement.stop()
      const { root, scratch, home, temporary } = this.#layout
      for (const folder of [root, scratch, home, temporary]) await removeWorkFolder(folder)
      if (!whole) await removeWorkFolder(this.#layout.image)
    }
  }

  #checkMachine(): void {
    const { recipe, platform } = this.#job
    if (!canRun(platform)) {
      throw new BuildError(
        'recipe-not-supported',
        `this machine cannot run ${platform} programs: build on one that does`,
      )
    }
    if (recipe.network === 'none' && !this.#components.features.has('network')) {
      throw new BuildError(
        'recipe-not-supported',
        'the recipe asks for no network, which needs root and network namespaces on this machine',
      )
    }
  }

  async #prepare(source: string, bases: readonly string[]): Promise<void> {
    const { recipe } = this.#job
    const layout = this.#layout
    await settleTree(source, recipe.sourceDateEpoch ?? 0)
    for (const folder of [...programFolders(layout), layout.root]) {
      await mkdir(folder, { mode: 0o700 })
    }
    for (const { path, text, mode } of programFiles(layout, this.#job, bases)) {
      await writeFile(path, text, { mode })
    }
    await this.#confinement.give(layout.work, source)
  }

  async #run(phase: CommandPhase, paths: CommandPaths): Promise<void> {
    const { program } = this.#components
    const { recipe } = this.#job
    const steps = recipe.network === 'none' ? false : 'steps'
    const result = await this.#confinement.run(programCommand(program, phase), {
      env: programEnvironment(this.#layout, this.#job, paths),
      network: phase === 'fetch' ? true : steps,
      readable: [paths.source, program.path, ...program.readable],
    })
    if (succeeded(result)) return
    const { exitCode, tail } = result
    const why = tidyReason(tail, { work: this.#layout.work, source: paths.source })
    if (DISK_FULL.test(tail)) throw new BuildError('disk-full', `disk full while building: ${why}`)
    const code = EXIT_CODES[exitCode ?? -1] ?? 'builder-failed'
    const name = basename(program.path)
    throw new BuildError(code, `${name} ${phase} ended with ${exitCode ?? 'none'}: ${why}`)
  }

  /** What the program says that it read, and the program itself. */
  async #readMaterials(): Promise<readonly Material[]> {
    const { path, sha256 } = this.#components.program
    const read = await parseMaterials(this.#layout.materials)
    for (const { uri, digest } of read) refuseOwnImage(this.#job, uri, digest)
    const program: Material = { uri: `command:${basename(path)}`, digest: `sha256:${sha256}` }
    return [...read, program].sort((a, b) => (a.uri < b.uri ? -1 : a.uri > b.uri ? 1 : 0))
  }
}
