/** A real dockerd with everything in a folder of its own, as somebody's machine would have it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printOf } from '../../node/rebuild/print-of.ts'
import { SYSTEM_PATH } from '../../node/rebuild/sandbox.ts'
import { removeWorkFolder } from '../../node/rebuild/work-folder.ts'
import { findTool } from '../../node/system/packages.ts'
import { waitFor } from './wait-for.ts'

const SYS_RESOURCE = 24

/** Docker gives privileged containers every power, also one that a machine in a machine lacks. */
const RUNTIME = `#!/bin/sh
previous=
for word in "$@"; do
  file=
  case $previous in --bundle|-b) file=$word/config.json;; --process|-p) file=$word;; esac
  if [ -n "$file" ]; then sed -i -e 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$file"; fi
  previous=$word
done
exec @runc@ "$@"
`

export class TestDocker {
  readonly host: string
  readonly #folder: string
  readonly #child: ChildProcess

  private constructor(folder: string, host: string, child: ChildProcess) {
    this.#folder = folder
    this.host = host
    this.#child = child
  }

  /** Resolves when it answers. Without a bridge and rules of a firewall: nothing global is changed. */
  static async start(): Promise<TestDocker> {
    const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-docker-'))
    const host = `unix://${join(folder, 'docker.sock')}`
    const runtime = join(folder, 'runtime.sh')
    await writeFile(runtime, RUNTIME.replace('@runc@', findTool('runc') ?? 'runc'), { mode: 0o755 })
    const args = [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'pid'), '--host', host],
      ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--userland-proxy=false'],
      ...(hasPower(SYS_RESOURCE)
        ? []
        : ['--add-runtime', `here=${runtime}`, '--default-runtime', 'here']),
    ]
    const child = spawn(findTool('dockerd') ?? 'dockerd', args, {
      stdio: 'ignore',
      env: { PATH: SYSTEM_PATH, HOME: folder },
    })
    const daemon = new TestDocker(folder, host, child)
    await waitFor('Docker answers', async () => (await daemon.list('version')) !== undefined)
    return daemon
  }

  /** What `docker WORDS` prints; undefined where it fails. */
  async list(...words: readonly string[]): Promise<string | undefined> {
    return printOf(['docker', '--host', this.host, ...words], new AbortController().signal)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const end = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await end
    }
    await removeWorkFolder(this.#folder)
  }
}

function hasPower(bit: number): boolean {
  const [, mask = '0'] =
    /^CapBnd:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 1n
}
