/**
 * A BuildKit that Docker runs in a container, for one build.
 *
 * Where Docker is on this machine and the node is root, the container begins without a network and
 * is confined from outside: its limits are the build's, its state lies in the work folder, it gets
 * the network of a builder and its steps that of steps. Elsewhere it has what Docker gives it.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BuildError } from './build-error.ts'
import { withEnvironment, type PlannedFile } from './planned-command.ts'
import {
  buildKitEnvironment,
  type BuildKitInputs,
  type BuildKitLayout,
} from './buildkit-commands.ts'
import { registryTables, runtimeScript, START } from './buildkit-daemon.ts'
import type { KeeperSettings, KeeperStage, KitKeeper } from './buildkit-keeper.ts'
import type { CommandResult } from './command.ts'
import {
  builderName,
  buildxCommand,
  CONTAINED_STATE,
  containedConfiguration,
  createCommand,
  dockerEnvironment,
  execCommand,
  metadataFile,
  pidCommand,
  removeCommands,
  socketOf,
  volumeCommand,
  type DockerBuilder,
  type DockerClient,
} from './docker-commands.ts'

const STEPS_NETWORK = 'steps-network'
/** As the images of BuildKit name it. */
const CONTAINED_RUNC = 'buildkit-runc'
const REMOVE_TIMEOUT_MS = 60_000

export class DockerKeeper implements KitKeeper {
  readonly name = 'docker'
  readonly kind: 'contained' | 'elsewhere'
  readonly #client: DockerClient
  readonly #builder: DockerBuilder
  #environment: Readonly<Record<string, string>> | undefined

  /**
   * `owner`: whose builds they are, in letters and digits. `confined`: Docker is on this machine, and
   * the node may confine what it runs.
   */
  constructor(
    client: DockerClient,
    { image, owner, confined }: { image: string; owner: string; confined: boolean },
  ) {
    this.#client = client
    const name = builderName(owner, randomBytes(6).toString('hex'))
    this.#builder = { name, image, confined }
    this.kind = confined ? 'contained' : 'elsewhere'
  }

  get image(): string {
    return this.#builder.image
  }

  /** Where it is, for messages. */
  get address(): string {
    return `Docker at ${this.#client.host}`
  }

  get readable(): readonly string[] {
    const { docker, buildx, host } = this.#client
    return [docker, buildx, ...socketOf(host)]
  }

  environment(layout: BuildKitLayout): Readonly<Record<string, string>> {
    return dockerEnvironment(layout, this.#client)
  }

  files(
    layout: BuildKitLayout,
    { plainRegistries, stepsApart }: KeeperSettings,
  ): readonly PlannedFile[] {
    const { confined } = this.#builder
    const inState = (name: string): string => `${CONTAINED_STATE}/${name}`
    const configuration = `[worker.containerd]
enabled = false
[worker.oci]
enabled = true
networkMode = "host"
gc = false
${confined ? `binary = "${inState('runtime.sh')}"\n` : ''}${registryTables(plainRegistries)}`
    const toml = { path: containedConfiguration(layout), text: configuration, mode: 0o600 }
    if (!confined) return [toml]
    const steps = stepsApart ? inState(STEPS_NETWORK) : undefined
    return [
      toml,
      {
        path: join(layout.state, 'runtime.sh'),
        text: runtimeScript(CONTAINED_RUNC, steps),
        mode: 0o700,
      },
      { path: join(layout.state, 'start.sh'), text: START, mode: 0o600 },
    ]
  }

  ask(words: readonly string[]): readonly string[] {
    return execCommand(this.#client, this.#builder, ['buildctl', ...words])
  }

  build(layout: BuildKitLayout, inputs: BuildKitInputs): readonly string[] {
    return buildxCommand(this.#client, layout, this.#builder, inputs)
  }

  async readReference(layout: BuildKitLayout): Promise<string> {
    const metadata = JSON.parse(await readFile(metadataFile(layout), 'utf8')) as {
      readonly 'buildx.build.ref'?: string
    }
    // builder/node/reference
    return metadata['buildx.build.ref']?.split('/').at(-1) ?? ''
  }

  async start({
    layout,
    confinement,
    command,
    environment,
  }: KeeperStage): Promise<{ readonly attended?: Promise<CommandResult> }> {
    this.#environment = environment
    const builder = this.#builder
    if (!builder.confined) {
      await command(createCommand(this.#client, layout, builder))
      return {}
    }
    if (confinement.stepsNetwork !== undefined) {
      const path = join(layout.state, STEPS_NETWORK)
      await writeFile(path, '')
      await promisify(execFile)('mount', ['--bind', confinement.stepsNetwork, path])
    }
    await command(volumeCommand(this.#client, layout, builder))
    await command(createCommand(this.#client, layout, builder))
    const shell = ['/bin/sh', `${CONTAINED_STATE}/start.sh`, 'true']
    await command(execCommand(this.#client, builder, shell))
    const { output } = await command(pidCommand(this.#client, builder), { keepOutput: true })
    await confinement.adopt(await checkPid(Number(output.trim())))
    return {}
  }

  async stop(): Promise<void> {
    const env = this.#environment
    if (env === undefined) return
    for (const [file = '', ...args] of removeCommands(this.#client, this.#builder)) {
      const options = { env: { ...env }, timeout: REMOVE_TIMEOUT_MS }
      await promisify(execFile)(file, args, options).catch(() => undefined)
    }
  }

  plan(layout: BuildKitLayout): ReturnType<KitKeeper['plan']> {
    const env = { ...buildKitEnvironment(layout), ...this.environment(layout) }
    const shown = (argv: readonly string[]): readonly string[] => withEnvironment(env, argv)
    const builder = this.#builder
    const create = createCommand(this.#client, layout, builder)
    return {
      before: [
        ...(builder.confined ? [shown(volumeCommand(this.#client, layout, builder))] : []),
        shown(create),
      ],
      after: removeCommands(this.#client, builder).slice(0, 1).map(shown),
    }
  }
}

/** The process is on this machine, and is a daemon of BuildKit. Throws BuildError. */
async function checkPid(pid: number): Promise<number> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (Number.isInteger(pid) && pid > 1 && /(?:^|[/\0])buildkitd\0/.test(line)) return pid
  throw new BuildError(
    'builder-failed',
    'the container of BuildKit is not on this machine: its limits and its network cannot be set',
  )
}
