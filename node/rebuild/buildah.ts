/**
 * The builder for machines that have none: Debian's buildah, without a daemon.
 *
 * Isolation is chroot, which runs everywhere, inside of the sandbox and the control group that
 * this machine can give; what it cannot give is said by `detect`.
 */
import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { findBaseImages } from './base-images.ts'
import { BuildError } from './build-error.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildahBuild } from './buildah-build.ts'
import {
  budCommand,
  isAtLeast,
  keepsBitsOfUsers,
  layOut,
  pullCommand,
  pushCommand,
  type BuildahHost,
} from './buildah-commands.ts'
import { buildFromCold } from './cold-build.ts'
import { describeIsolation, isIsolated, missingIsolation } from './isolation.ts'
import { printOf } from './print-of.ts'
import { probeSandbox } from './sandbox-probe.ts'

const OVERLAYFS_MAGIC = 0x794c7630

export class Buildah implements Builder {
  readonly name = 'buildah'
  #version: string | undefined

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    this.#version = await readVersion(signal)
    if (this.#version === undefined) return undefined
    const features = await probeSandbox()
    const own = { ownUsers: keepsBitsOfUsers(this.#version), ownNetwork: true }
    return {
      version: this.#version,
      isolation: describeIsolation('chroot', features, own),
      isolated: isIsolated(features),
      warnings: await missingIsolation(features, own),
    }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    return buildFromCold(job, async (cold, log) => {
      const version = this.#version ?? (await readVersion(signal))
      if (version === undefined) {
        throw new BuildError('builder-missing', 'buildah is not installed: apt-get install buildah')
      }
      this.#version = version
      const host = await readHost(version, cold.workDirectory)
      const features = await probeSandbox()
      const built = await new BuildahBuild(cold, { host, features, log }, signal).run()
      return { ...built, version }
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const layout = layOut(job.workDirectory)
    const host = {
      version: this.#version ?? '',
      storageDriver: 'overlay' as const,
      ulimits: ulimits(this.#version ?? ''),
    }
    const { recipe, platform, sourceDirectory } = job
    const dockerfile = join(sourceDirectory, recipe.dockerfile)
    const context = join(sourceDirectory, recipe.context)
    return [
      ...readBases(job, dockerfile).map((base) => pullCommand(layout, host, platform, base)),
      budCommand(layout, host, { recipe, platform, dockerfile, context }),
      pushCommand(layout, host, recipe),
    ]
  }
}

/** The base images, where the source has been fetched already. */
function readBases(job: BuildJob, dockerfile: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(dockerfile, 'utf8')
  } catch {
    return []
  }
  return findBaseImages(text, job.recipe, job.platform, job.image)
}

async function readVersion(signal: AbortSignal): Promise<string | undefined> {
  const text = await printOf(['buildah', '--version'], signal)
  return /^buildah version (\d+\.\d+[^\s]*)/.exec(text ?? '')?.[1]
}

async function readHost(version: string, workDirectory: string): Promise<BuildahHost> {
  // Overlay does not stack on an overlay, which is what a container's own disk is.
  const { type } = await statfs(workDirectory)
  const storageDriver = type === OVERLAYFS_MAGIC ? 'vfs' : 'overlay'
  return { version, storageDriver, ulimits: ulimits(version) }
}

/** Newer versions raise limits beyond the hard ones, which nobody may in a user namespace. */
function ulimits(version: string): readonly string[] {
  if (!isAtLeast(version, 1, 39)) return []
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
