/**
 * The builder for machines that have none: Debian's buildah, without a daemon.
 *
 * Isolation is chroot, which runs everywhere, inside of the sandbox and the control group that
 * this machine can give; what it cannot give is said by `detect`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainRegistries } from './base-images.ts'
import { BuildError } from './build-error.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildahBuild } from './buildah-build.ts'
import {
  budCommand,
  buildahEnvironment,
  configurationFiles,
  keepsBitsOfUsers,
  layOut,
  OWN_USERS_SINCE,
  pullCommand,
  pushCommand,
  type BuildahHost,
  type BuildahProgram,
} from './buildah-commands.ts'
import { readPlannedBases } from './planned-bases.ts'
import { withEnvironment, writeCommands } from './planned-command.ts'
import { buildFromCold } from './cold-build.ts'
import { describeIsolation, isIsolated, listEnforcement, missingIsolation } from './isolation.ts'
import { printOf } from './print-of.ts'
import { probeSandbox } from './sandbox-probe.ts'
import { canOverlay } from './storage.ts'

export class Buildah implements Builder {
  readonly name: BuildahProgram
  #version: string | undefined

  /** `podman`: its `build`, which is the same engine. */
  constructor(program: BuildahProgram = 'buildah') {
    this.name = program
  }

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    this.#version = await readVersion(this.name, signal)
    if (this.#version === undefined) return undefined
    const features = await probeSandbox()
    const own = {
      ownUsers: keepsBitsOfUsers(this.name, this.#version),
      ownNetwork: true,
      withoutUsers: `${this.name} ${this.#version} gives other bits in a user namespace, and ${OWN_USERS_SINCE[this.name]} or later does not`,
    }
    return {
      version: this.#version,
      isolation: describeIsolation('chroot', features, own),
      isolated: isIsolated(features),
      warnings: await missingIsolation(features, own),
      enforces: await listEnforcement(features, own),
    }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    return buildFromCold(job, async (cold, log) => {
      const version = this.#version ?? (await readVersion(this.name, signal))
      if (version === undefined) {
        const { name } = this
        throw new BuildError('builder-missing', `${name} is not installed: apt-get install ${name}`)
      }
      this.#version = version
      const host = await readHost(this.name, version, cold.workDirectory)
      const features = await probeSandbox()
      const built = await new BuildahBuild(cold, { host, features, log }, signal).run()
      return { ...built, version }
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const layout = layOut(job.workDirectory)
    const version = this.#version ?? ''
    const host = {
      program: this.name,
      version,
      storageDriver: 'overlay' as const,
      ulimits: ulimits(this.name, version),
    }
    const { recipe, platform, sourceDirectory } = job
    const dockerfile = join(sourceDirectory, recipe.dockerfile)
    const context = join(sourceDirectory, recipe.context)
    const bases = readPlannedBases(job, dockerfile)
    const plain = plainRegistries(bases, job.insecureRegistries)
    const files = Object.entries(configurationFiles(layout, host, plain)).map(([name, text]) => ({
      path: join(layout.configuration, name),
      text,
      mode: 0o600,
    }))
    const { run, temporary, home, configuration } = layout
    const env = buildahEnvironment(layout)
    return [
      ['mkdir', '-p', '-m', '700', run, temporary, home, join(configuration, 'registries.conf.d')],
      ...writeCommands(files),
      ...[
        ...bases.map((base) => pullCommand(layout, host, platform, base)),
        budCommand(layout, host, { recipe, platform, dockerfile, context }),
        pushCommand(layout, host, recipe),
      ].map((argv) => withEnvironment(env, argv)),
    ]
  }
}

async function readVersion(
  program: BuildahProgram,
  signal: AbortSignal,
): Promise<string | undefined> {
  const text = await printOf([program, '--version'], signal)
  return /^(?:buildah|podman) version (\d+\.\d+[^\s]*)/.exec(text ?? '')?.[1]
}

async function readHost(
  program: BuildahProgram,
  version: string,
  workDirectory: string,
): Promise<BuildahHost> {
  const storageDriver = (await canOverlay(workDirectory)) ? 'overlay' : 'vfs'
  return { program, version, storageDriver, ulimits: ulimits(program, version) }
}

/** The same newer versions raise limits beyond the hard ones, which nobody may in a user namespace. */
function ulimits(program: BuildahProgram, version: string): readonly string[] {
  if (!keepsBitsOfUsers(program, version)) return []
  const limits = readProc('/proc/self/limits')
  return [
    ['nofile', /^Max open files\s+\S+\s+(\d+)/m],
    ['nproc', /^Max processes\s+\S+\s+(\d+)/m],
  ].flatMap(([name, pattern]) => {
    const hard = (pattern as RegExp).exec(limits)?.[1]
    return hard === undefined ? [] : [`${name as string}=${hard}:${hard}`]
  })
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
