/**
 * Docker: buildx, with a builder made for each build from the BuildKit image that the recipe pins.
 *
 * Docker's own engine is no builder of rebuildnet's: what it gives differs each time, by no switch.
 * So a recipe that names Docker names the image as well, and what is reported is the BuildKit in it.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildKitBuild } from './buildkit-build.ts'
import { planOf } from './buildkit-plan.ts'
import { buildFromCold } from './cold-build.ts'
import { isLocalHost, type DockerClient } from './docker-commands.ts'
import { DockerKeeper } from './docker-keeper.ts'
import { sweepDocker } from './docker-sweep.ts'
import { describeIsolation, isIsolated, listEnforcement, missingIsolation } from './isolation.ts'
import { printOf } from './print-of.ts'
import { SYSTEM_PATH } from './sandbox.ts'
import { probeSandbox, type SandboxFeature } from './sandbox-probe.ts'

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
/** Where Docker looks for its plugins. */
const PLUGIN_FOLDERS = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map(
  (folder) => join(folder, 'docker/cli-plugins'),
)
/** What a container of the node's own makes use of, where the machine gives it. */
const OWN = { ownNetwork: true }

export interface DockerOptions {
  /** `unix:///…`, `tcp://…` or `ssh://…`; Docker's own socket where absent. */
  readonly host?: string
  /** Path of buildx, where it is not among Docker's plugins. */
  readonly buildx?: string
  /** Whose builds they are, in letters and digits: the one who may take away what is left of them. */
  readonly owner?: string
}

/** Of builds that nobody will look for. */
const NOBODY = 'nobody'

export class Docker implements Builder {
  readonly name = 'docker'
  readonly place: string | undefined
  readonly #options: DockerOptions

  constructor(options: DockerOptions = {}) {
    this.#options = options
    const { host } = options
    this.place = host === undefined || isLocalHost(host) ? undefined : host
  }

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    const client = this.#client()
    if (client === undefined) return undefined
    // A client may stand on PATH without any server.
    const format = ['--format', '{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}']
    const argv = [client.docker, '--host', client.host, 'version', ...format]
    const [, version, platform] =
      /^(\d+\.\d+\S*) ([a-z0-9]+\/[a-z0-9]+)$/.exec((await printOf(argv, signal))?.trim() ?? '') ??
      []
    if (version === undefined || platform === undefined) return undefined
    const features = await probeSandbox()
    const confined = isConfined(client, features)
    return {
      version,
      images: 'only',
      isolation: confined
        ? describeIsolation('containers of runc in one of Docker', features, OWN)
        : `containers of runc in one of Docker at ${client.host}`,
      isolated: true,
      warnings: confined
        ? await missingIsolation(features, OWN)
        : [
            'RUN steps use the network that Docker gives its containers; recipes with egress are not built',
            `memory, CPU, processes and disk of a build are limited by who keeps Docker at ${client.host}`,
          ],
      ...(confined ? { enforces: await listEnforcement(features, OWN) } : {}),
      ...(this.place === undefined ? {} : { platforms: [platform] }),
    }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    return buildFromCold(job, async (cold, log) => {
      const client = this.#client()
      if (client === undefined) {
        throw new BuildError(
          'builder-missing',
          'docker and its plugin buildx are not installed: apt-get install docker.io, and docker-buildx',
        )
      }
      const features = await probeSandbox()
      const confined = isConfined(client, features)
      const keeper = this.#keeper(client, pinnedImage(cold), confined)
      return new BuildKitBuild(cold, { keeper, features, log }, signal).run()
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const client = this.#client()
    if (client === undefined) return []
    const confined = isLocalHost(client.host) && process.getuid?.() === 0
    return planOf(job, this.#keeper(client, pinnedImage(job), confined))
  }

  async sweep(signal: AbortSignal): Promise<readonly string[]> {
    const client = this.#client()
    const { owner } = this.#options
    return client === undefined || owner === undefined ? [] : sweepDocker(client, owner, signal)
  }

  #keeper(client: DockerClient, image: string, confined: boolean): DockerKeeper {
    return new DockerKeeper(client, { image, owner: this.#options.owner ?? NOBODY, confined })
  }

  #client(): DockerClient | undefined {
    const { host = DEFAULT_HOST, buildx: given } = this.#options
    const programs = SYSTEM_PATH.split(delimiter)
    const docker = programs.map((folder) => join(folder, 'docker')).find(isProgram)
    const buildx =
      given ?? PLUGIN_FOLDERS.map((folder) => join(folder, 'docker-buildx')).find(isProgram)
    if (docker === undefined || buildx === undefined || !isProgram(buildx)) return undefined
    return { docker, buildx, host }
  }
}

function isConfined({ host }: DockerClient, features: ReadonlySet<SandboxFeature>): boolean {
  return isLocalHost(host) && isIsolated(features)
}

function pinnedImage({ recipe }: BuildJob): string {
  const image = recipe.builders.find(({ name }) => name === 'docker')?.image
  if (image !== undefined) return image
  throw new BuildError(
    'recipe-not-supported',
    'the recipe names docker without an image of BuildKit: give its builder image = "moby/buildkit@sha256:…"',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
