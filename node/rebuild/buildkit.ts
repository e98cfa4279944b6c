/**
 * BuildKit: by a buildkitd that the node starts for each build, or by one at an address.
 *
 * The first runs in the sandbox and the limits of this machine, as root. Of the second the node
 * sees the client only: what a step can reach there, and how much it may use, is for who keeps the
 * daemon to say; time is limited from here.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildKitBuild } from './buildkit-build.ts'
import {
  infoWords,
  WORKERS_WORDS,
  type BuildKitClient,
  type TlsFiles,
} from './buildkit-commands.ts'
import { type BuildKitPrograms } from './buildkit-daemon.ts'
import type { KitKeeper } from './buildkit-keeper.ts'
import { LocalKeeper, RemoteKeeper } from './buildkit-local.ts'
import { planOf } from './buildkit-plan.ts'
import { parseInfo, parsePlatforms } from './buildkit-info.ts'
import { buildFromCold } from './cold-build.ts'
import { describeIsolation, isIsolated, listEnforcement, missingIsolation } from './isolation.ts'
import { printOf } from './print-of.ts'
import { SYSTEM_PATH } from './sandbox.ts'
import { probeSandbox, type SandboxFeature } from './sandbox-probe.ts'
import { canOverlay } from './storage.ts'

const DETECT_WAIT_SECONDS = 10
/** What a daemon of the node's own makes use of, where the machine gives it. */
const OWN = { ownNetwork: true }

/** A daemon that others keep. */
export interface RemoteBuildKit {
  /** `unix://…` or `tcp://…` */
  readonly address: string
  readonly tls?: TlsFiles
  /** What it builds; its machine's own platform where absent. */
  readonly platforms?: readonly string[]
  /** The image, pinned by digest, that it runs from, in the word of who keeps it. */
  readonly image?: string
  /** Builds at once. */
  readonly slots: number
}

export interface BuildKitOptions {
  /** Folder of buildctl and buildkitd, where they are not in the system's own. */
  readonly programs?: string
  /** Absent: a daemon is started for each build. */
  readonly remote?: RemoteBuildKit
}

export class BuildKit implements Builder {
  readonly name = 'buildkit'
  readonly place: string | undefined
  readonly platforms: readonly string[] | undefined
  readonly slots: number | undefined
  readonly #options: BuildKitOptions

  constructor(options: BuildKitOptions = {}) {
    this.#options = options
    this.platforms = options.remote?.platforms
    this.place = options.remote?.address
    this.slots = options.remote?.slots
  }

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    const { remote } = this.#options
    return remote === undefined ? this.#detectLocal(signal) : this.#detectRemote(remote, signal)
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    return buildFromCold(job, async (cold, log) => {
      const features = await probeSandbox()
      const keeper = await this.#keeperOf(cold, features)
      return new BuildKitBuild(cold, { keeper, features, log }, signal).run()
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const { remote } = this.#options
    if (remote !== undefined) return planOf(job, new RemoteKeeper(this.#clientOf(remote)))
    const programs = this.#findPrograms()
    return programs === undefined ? [] : planOf(job, new LocalKeeper(programs, 'overlayfs'))
  }

  async #keeperOf(job: BuildJob, features: ReadonlySet<SandboxFeature>): Promise<KitKeeper> {
    const { remote } = this.#options
    if (remote !== undefined) return new RemoteKeeper(this.#clientOf(remote))
    const programs = this.#findPrograms()
    if (programs === undefined || !isIsolated(features)) {
      throw new BuildError(
        'builder-missing',
        'a local BuildKit needs buildkitd, buildctl and runc, and root on Linux',
      )
    }
    const overlay = await canOverlay(job.workDirectory)
    return new LocalKeeper(programs, overlay ? 'overlayfs' : 'native')
  }

  async #detectLocal(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    const programs = this.#findPrograms()
    const features = await probeSandbox()
    if (programs === undefined || !isIsolated(features)) return undefined
    const text = await printOf([programs.buildkitd, '--version'], signal)
    const version = /^buildkitd \S+ v?(\d+\.\d+\S*)/.exec(text ?? '')?.[1]
    if (version === undefined) return undefined
    return {
      version,
      isolation: describeIsolation('containers of runc', features, OWN),
      isolated: true,
      warnings: await missingIsolation(features, OWN),
      enforces: await listEnforcement(features, OWN),
    }
  }

  async #detectRemote(
    remote: RemoteBuildKit,
    signal: AbortSignal,
  ): Promise<DetectedBuilder | undefined> {
    const keeper = new RemoteKeeper(this.#clientOf(remote))
    const ask = (words: readonly string[]): readonly string[] => keeper.ask(words)
    const version = parseInfo((await printOf(ask(infoWords(DETECT_WAIT_SECONDS)), signal)) ?? '')
    if (version === undefined) return undefined
    const { platforms, image, address } = remote
    const [own] = parsePlatforms((await printOf(ask(WORKERS_WORDS), signal)) ?? '')
    return {
      version,
      isolation: `by the BuildKit at ${address}`,
      isolated: true,
      warnings: [
        `memory, CPU, processes and disk of a build at ${address} are limited by who keeps it`,
        ...(remote.tls === undefined && address.startsWith('tcp:')
          ? [`${address} has no TLS: whoever is on the way can change what is built`]
          : []),
      ],
      platforms: platforms ?? (own === undefined ? [] : [own]),
      ...(image === undefined ? {} : { image }),
    }
  }

  #clientOf({ address, tls }: RemoteBuildKit): BuildKitClient {
    const buildctl = this.#find('buildctl') ?? 'buildctl'
    return { buildctl, address, ...(tls === undefined ? {} : { tls }) }
  }

  #findPrograms(): BuildKitPrograms | undefined {
    const buildkitd = this.#find('buildkitd')
    const buildctl = this.#find('buildctl')
    const runc = this.#find('runc')
    if (buildkitd === undefined || buildctl === undefined || runc === undefined) return undefined
    return { buildkitd, buildctl, runc }
  }

  #find(name: string): string | undefined {
    const { programs } = this.#options
    const folders = [...(programs === undefined ? [] : [programs]), ...SYSTEM_PATH.split(delimiter)]
    return folders
      .map((folder) => join(folder, name))
      .find((path) => {
        try {
          accessSync(path, constants.X_OK)
          return true
        } catch {
          return false
        }
      })
  }
}
