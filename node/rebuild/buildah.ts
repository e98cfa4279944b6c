/**
 * The builder for machines that have none: Debian's buildah, without a daemon.
 *
 * Isolation is chroot, which runs everywhere, inside of the sandbox and the control group that
 * this machine can give; what it cannot give is said by `detect`.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, realpath, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBaseImages } from './base-images.ts'
import { BuildError } from './build-error.ts'
import { BuildLog } from './build-log.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildahBuild } from './buildah-build.ts'
import {
  budCommand,
  isAtLeast,
  layOut,
  pullCommand,
  pushCommand,
  type BuildahHost,
} from './buildah-commands.ts'
import { Cgroup } from './cgroup.ts'
import { defaultBuildLimits } from './builder.ts'
import { probeSandbox, SYSTEM_PATH, type SandboxFeature } from './sandbox.ts'

const DETECT_TIMEOUT_MS = 20_000
const OVERLAYFS_MAGIC = 0x794c7630
const CAP_SYS_RESOURCE = 24n

export class Buildah implements Builder {
  readonly name = 'buildah'
  #version: string | undefined

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    this.#version = await readVersion(signal)
    if (this.#version === undefined) return undefined
    const features = await probeSandbox()
    return {
      version: this.#version,
      isolation: describeIsolation(features),
      isolated: features.has('view') && features.has('processes'),
      warnings: [...missingFeatures(features), ...(await missingLimits())],
    }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    const log = new BuildLog(job.logFile, job.limits.logBytes)
    try {
      const version = this.#version ?? (await readVersion(signal))
      if (version === undefined) {
        throw new BuildError('builder-missing', 'buildah is not installed: apt-get install buildah')
      }
      this.#version = version
      const workDirectory = await realpath(job.workDirectory)
      if ((await readdir(workDirectory)).length > 0) {
        throw new Error(`work folder ${workDirectory} is not empty`)
      }
      const host = await readHost(version, workDirectory)
      const features = await probeSandbox()
      const build = new BuildahBuild({ ...job, workDirectory }, { host, features, log }, signal)
      const built = await build.run()
      return { kind: 'built', ...built, version, logDigest: log.close() }
    } catch (error) {
      if (!(error instanceof BuildError)) throw error
      const { code, stage, message } = error
      log.note(message)
      const logTail = log.tail()
      return {
        kind: 'failed',
        code,
        stage,
        class: error.class,
        message,
        logTail,
        logDigest: log.close(),
      }
    } finally {
      log.close()
    }
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
  const options = { env: { PATH: SYSTEM_PATH }, timeout: DETECT_TIMEOUT_MS, signal }
  const result = await promisify(execFile)('buildah', ['--version'], options).catch(() => undefined)
  return /^buildah version (\d+\.\d+[^\s]*)/.exec(result?.stdout ?? '')?.[1]
}

async function readHost(version: string, workDirectory: string): Promise<BuildahHost> {
  // Overlay does not stack on an overlay, which is what a container's own disk is.
  const { type } = await statfs(workDirectory)
  const storageDriver = type === OVERLAYFS_MAGIC ? 'vfs' : 'overlay'
  return { version, storageDriver, ulimits: ulimits(version) }
}

/** Newer versions raise limits beyond the hard ones, which needs CAP_SYS_RESOURCE. */
function ulimits(version: string): readonly string[] {
  if (!isAtLeast(version, 1, 40)) return []
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readProc('/proc/self/status'))?.[1] ?? '0'
  if (((BigInt(`0x${capabilities}`) >> CAP_SYS_RESOURCE) & 1n) === 1n) return []
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

function describeIsolation(features: ReadonlySet<SandboxFeature>): string {
  if (features.has('view')) return 'chroot, with own processes and a view of system programs only'
  if (features.has('processes')) return 'chroot, with own processes'
  return 'chroot'
}

function missingFeatures(features: ReadonlySet<SandboxFeature>): readonly string[] {
  return [
    'RUN steps use the network of this machine unless the recipe says network = "none"',
    ...(features.has('processes')
      ? []
      : ['no process namespace: run as root, or a step may outlive its build']),
    ...(features.has('view')
      ? []
      : [
          "no mount namespace: a step may see this machine's files and devices; follow trusted recipes only",
        ]),
    ...(features.has('network')
      ? []
      : ['no network namespace: recipes with network = "none" are not built']),
  ]
}

/** Makes a group and takes it away, to see which limits hold here. */
async function missingLimits(): Promise<readonly string[]> {
  const name = `probe-${randomBytes(6).toString('hex')}`
  const cgroup = await Cgroup.create(name, defaultBuildLimits)
  const enforced = cgroup?.enforced ?? []
  await cgroup?.remove()
  return (['memory', 'processes', 'cpus'] as const)
    .filter((limit) => !enforced.includes(limit))
    .map(
      (limit) => `the limit on ${limit} of a build is not enforced here: no control group for it`,
    )
}
