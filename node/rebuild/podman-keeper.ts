/**
 * A BuildKit that Podman runs in a container, for one build: from the image that the recipe pins, and
 * inside of the sandbox, the limits and the networks that every build has.
 *
 * The work folder is at the same place in the container, so that the daemon is spoken to by the socket
 * in it: by the image's own buildctl, since the machine may have none.
 */
import { join } from 'node:path'
import type { BuildKitLayout } from './buildkit-commands.ts'
import { buildKitEnvironment } from './buildkit-commands.ts'
import { daemonCommand, daemonFiles, LOCAL_ADDRESS, runtimeScript } from './buildkit-daemon.ts'
import { BuildctlKeeper } from './buildkit-local.ts'
import type { KeeperSettings, KeeperStage, KitKeeper } from './buildkit-keeper.ts'
import type { CommandResult } from './command.ts'
import { inBackground, withEnvironment, type PlannedFile } from './planned-command.ts'
import { STEPS_NETWORK } from './sandbox.ts'

/** As the images of BuildKit name them. */
const CONTAINED = { buildkitd: 'buildkitd', buildctl: '/usr/bin/buildctl', runc: 'buildkit-runc' }
const CONTAINER = 'rebuildnet-buildkit'
const RUNTIME = 'podman-runtime.sh'

/** Podman tells what makes no groups so in words of crun, which runc does not know. */
const WITHOUT_MANAGER = `#!/bin/sh
skip=
for word in "$@"; do
  shift
  if [ -n "$skip" ]; then skip=; continue; fi
  case $word in
    --cgroup-manager) skip=yes;;
    --cgroup-manager=*) ;;
    *) set -- "$@" "$word";;
  esac
done
`

export class PodmanKeeper extends BuildctlKeeper implements KitKeeper {
  override readonly name = 'podman'
  readonly kind = 'own'
  readonly image: string
  readonly readable: readonly string[] = []
  readonly #driver: 'overlay' | 'vfs'

  constructor(image: string, driver: 'overlay' | 'vfs') {
    // From the work folder, where it is put.
    super({ buildctl: './run/buildctl', address: LOCAL_ADDRESS })
    this.image = image
    this.#driver = driver
  }

  override environment(layout: BuildKitLayout): Readonly<Record<string, string>> {
    const file = (name: string): string => join(layout.configuration, name)
    return {
      XDG_RUNTIME_DIR: layout.run,
      REGISTRY_AUTH_FILE: file('config.json'),
      CONTAINERS_CONF: file('containers.conf'),
      CONTAINERS_REGISTRIES_CONF: file('registries.conf'),
      CONTAINERS_STORAGE_CONF: file('storage.conf'),
    }
  }

  files(layout: BuildKitLayout, settings: KeeperSettings): readonly PlannedFile[] {
    const quote = (text: string): string => JSON.stringify(text)
    const file = (name: string, text: string, mode = 0o600): PlannedFile => ({
      path: join(layout.configuration, name),
      text,
      mode,
    })
    const plain = settings.plainRegistries.map(
      (location) => `[[registry]]\nlocation = ${quote(location)}\ninsecure = true\n`,
    )
    const own = daemonFiles(layout, CONTAINED, {
      snapshotter: this.#driver === 'overlay' ? 'overlayfs' : 'native',
      insecureRegistries: settings.plainRegistries,
      stepsApart: settings.stepsApart,
    })
    const storage = join(layout.state, 'podman')
    return [
      ...own.map(({ name, text, mode }) => file(name, text, mode)),
      file(RUNTIME, `${WITHOUT_MANAGER}${runtimeScript('runc', undefined)}`, 0o700),
      file('policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}\n'),
      file('registries.conf', `short-name-mode = "disabled"\n${plain.join('')}`),
      file(
        'storage.conf',
        `[storage]\ndriver = "${this.#driver}"\nrunroot = ${quote(join(layout.run, 'podman'))}\ngraphroot = ${quote(storage)}\n`,
      ),
      // Locks in files: each command of Podman has a /dev/shm of its own.
      file(
        'containers.conf',
        `[engine]\nlock_type = "file"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "here"\nruntime_supports_nocgroup = ["here"]\ntmp_dir = ${quote(join(layout.run, 'libpod'))}\n[engine.runtimes]\nhere = [${quote(join(layout.configuration, RUNTIME))}]\n`,
      ),
    ]
  }

  async start({
    layout,
    confinement,
    command,
    environment,
    job,
    ended,
  }: KeeperStage): Promise<{ attended: Promise<CommandResult> }> {
    for (const argv of this.#prepare(layout)) await command(argv)
    const attended = confinement.attend(this.#run(layout, confinement.stepsNetwork !== undefined), {
      env: environment,
      network: true,
      makesNetworks: job.recipe.network === 'none',
      runsSteps: true,
      readable: [],
      signal: ended,
    })
    return { attended }
  }

  plan(layout: BuildKitLayout): ReturnType<KitKeeper['plan']> {
    const env = { ...buildKitEnvironment(layout), ...this.environment(layout) }
    const shown = (argv: readonly string[]): readonly string[] =>
      withEnvironment(env, argv, layout.work)
    return {
      before: [...this.#prepare(layout).map(shown), inBackground(shown(this.#run(layout, false)))],
      after: [shown(['podman', 'rm', '--force', CONTAINER])],
    }
  }

  #prepare(layout: BuildKitLayout): readonly (readonly string[])[] {
    const policy = ['--signature-policy', join(layout.configuration, 'policy.json')]
    const copied = `${CONTAINER}-programs`
    return [
      ['podman', 'pull', '--quiet', ...policy, this.image],
      [
        'podman',
        'create',
        '--quiet',
        '--pull=never',
        '--cgroups=disabled',
        '--name',
        copied,
        this.image,
      ],
      ['podman', 'cp', `${copied}:${CONTAINED.buildctl}`, join(layout.run, 'buildctl')],
      ['podman', 'rm', copied],
    ]
  }

  #run(layout: BuildKitLayout, stepsApart: boolean): readonly string[] {
    const [shell = '', script = '', ...daemon] = daemonCommand(layout, CONTAINED)
    return [
      // Twice: Podman's own runtime, too, must see that it may not make groups.
      ...[shell, script, 'podman', 'run', '--rm', '--name', CONTAINER],
      ...['--pull=never', '--privileged', '--cgroups=disabled', '--network=host'],
      ...['--volume', `${layout.work}:${layout.work}`, '--workdir', layout.work],
      ...(stepsApart ? ['--volume', `${STEPS_NETWORK}:${STEPS_NETWORK}`] : []),
      ...['--entrypoint', shell, this.image, script, ...daemon],
    ]
  }
}
