/** A daemon that the node starts for each build, and one that others keep: both spoken to by buildctl. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuilderName } from '../../protocol/recipe.ts'
import {
  buildCommand,
  buildKitEnvironment,
  clientCommand,
  type BuildKitClient,
  type BuildKitInputs,
  type BuildKitLayout,
} from './buildkit-commands.ts'
import {
  daemonCommand,
  daemonFiles,
  LOCAL_ADDRESS,
  type BuildKitPrograms,
  type DaemonSettings,
} from './buildkit-daemon.ts'
import type { KeeperSettings, KeeperStage, KitKeeper } from './buildkit-keeper.ts'
import { inBackground, withEnvironment, type PlannedFile } from './planned-command.ts'
import type { CommandResult } from './command.ts'

/** What speaks to a daemon by buildctl has in common. */
export abstract class BuildctlKeeper {
  readonly name: BuilderName = 'buildkit'
  protected readonly client: BuildKitClient

  constructor(client: BuildKitClient) {
    this.client = client
  }

  environment(_layout: BuildKitLayout): Readonly<Record<string, string>> {
    return {}
  }

  ask(words: readonly string[]): readonly string[] {
    return [...clientCommand(this.client), ...words]
  }

  build(layout: BuildKitLayout, inputs: BuildKitInputs): readonly string[] {
    return buildCommand(this.client, layout, inputs)
  }

  async readReference({ reference }: BuildKitLayout): Promise<string> {
    return (await readFile(reference, 'utf8')).trim()
  }
}

export class LocalKeeper extends BuildctlKeeper implements KitKeeper {
  readonly kind = 'own'
  readonly #programs: BuildKitPrograms
  readonly #snapshotter: DaemonSettings['snapshotter']

  constructor(programs: BuildKitPrograms, snapshotter: DaemonSettings['snapshotter']) {
    super({ buildctl: programs.buildctl, address: LOCAL_ADDRESS })
    this.#programs = programs
    this.#snapshotter = snapshotter
  }

  get readable(): readonly string[] {
    return [this.client.buildctl]
  }

  files(
    layout: BuildKitLayout,
    { plainRegistries, stepsApart }: KeeperSettings,
  ): readonly PlannedFile[] {
    const settings = {
      snapshotter: this.#snapshotter,
      insecureRegistries: plainRegistries,
      stepsApart,
    }
    return daemonFiles(layout, this.#programs, settings).map(({ name, text, mode }) => ({
      path: join(layout.configuration, name),
      text,
      mode,
    }))
  }

  async start({
    layout,
    confinement,
    job,
    environment,
    ended,
  }: KeeperStage): Promise<{ attended: Promise<CommandResult> }> {
    const { buildkitd, runc } = this.#programs
    const attended = confinement.attend(daemonCommand(layout, this.#programs), {
      env: environment,
      network: true,
      makesNetworks: job.recipe.network === 'none',
      runsSteps: true,
      readable: [buildkitd, runc],
      signal: ended,
    })
    return { attended }
  }

  plan(layout: BuildKitLayout): ReturnType<KitKeeper['plan']> {
    const env = buildKitEnvironment(layout)
    const daemon = withEnvironment(env, daemonCommand(layout, this.#programs), layout.work)
    return { before: [inBackground(daemon)], after: [] }
  }
}

export class RemoteKeeper extends BuildctlKeeper implements KitKeeper {
  readonly kind = 'elsewhere'

  get address(): string {
    return this.client.address
  }

  get readable(): readonly string[] {
    const { buildctl, address, tls } = this.client
    const socket = /^unix:\/\/(\/.+)$/.exec(address)?.[1]
    return [
      buildctl,
      ...(tls === undefined ? [] : [tls.ca, tls.cert, tls.key]),
      ...(socket === undefined ? [] : [socket]),
    ]
  }

  files(): readonly PlannedFile[] {
    return []
  }

  plan(): ReturnType<KitKeeper['plan']> {
    return { before: [], after: [] }
  }
}
