/** A buildkitd that outlives builds, as somebody else would keep it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layOutBuildKit } from '../../node/rebuild/buildkit-commands.ts'
import { daemonCommand, daemonFiles } from '../../node/rebuild/buildkit-daemon.ts'
import { printOf } from '../../node/rebuild/print-of.ts'
import { SYSTEM_PATH } from '../../node/rebuild/sandbox.ts'
import { removeWorkFolder } from '../../node/rebuild/work-folder.ts'
import { findTool } from '../../node/system/packages.ts'
import { waitFor } from './wait-for.ts'

export class TestDaemon {
  readonly address: string
  readonly #folder: string
  readonly #buildctl: string
  readonly #child: ChildProcess
  #ended = false

  private constructor(folder: string, address: string, buildctl: string, child: ChildProcess) {
    this.#folder = folder
    this.address = address
    this.#buildctl = buildctl
    this.#child = child
    child.once('exit', () => {
      this.#ended = true
    })
  }

  /** Resolves when it answers. */
  static async start(programs: string, registry: string): Promise<TestDaemon> {
    const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-daemon-'))
    const layout = layOutBuildKit(folder)
    const { state, run, home, temporary, configuration } = layout
    for (const each of [state, run, home, temporary, configuration]) await mkdir(each)
    const kit = {
      buildkitd: join(programs, 'buildkitd'),
      buildctl: join(programs, 'buildctl'),
      runc: findTool('runc') ?? 'runc',
    }
    const settings = {
      snapshotter: 'overlayfs' as const,
      insecureRegistries: [registry],
      stepsApart: false,
    }
    for (const { name, text, mode } of daemonFiles(layout, kit, settings)) {
      await writeFile(join(configuration, name), text)
      await chmod(join(configuration, name), mode)
    }
    const address = `unix://${join(run, 'kit.sock')}`
    const confined = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/sh', '-c']
    // As in a sandbox: no control group of the host's is in sight.
    const enter = 'umount -R -l /sys/fs/cgroup; exec "$@"'
    const command = [...daemonCommand(layout, kit), '--addr', address]
    const child = spawn(
      findTool('unshare') ?? 'unshare',
      [...confined, enter, 'enter', ...command],
      {
        cwd: folder,
        stdio: 'ignore',
        env: { PATH: SYSTEM_PATH, HOME: home, TMPDIR: temporary },
      },
    )
    const daemon = new TestDaemon(folder, address, kit.buildctl, child)
    try {
      await waitFor('a daemon answers', async () => (await daemon.builds()) !== undefined)
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return daemon
  }

  /** How many builds it has done; undefined where it does not answer. */
  async builds(): Promise<number | undefined> {
    const command = [this.#buildctl, '--addr', this.address, 'debug', 'histories']
    const text = await printOf(command, new AbortController().signal)
    return text === undefined ? undefined : text.trim().split('\n').length - 1
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await waitFor('the daemon ends', () => this.#ended)
  }

  async stop(): Promise<void> {
    if (!this.#ended) await this.kill()
    await removeWorkFolder(this.#folder)
  }
}
