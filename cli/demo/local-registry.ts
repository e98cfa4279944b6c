/** A registry on this machine: the Debian package docker-registry, on a loopback port of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export class LocalRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly #process: ChildProcess

  private constructor(host: string, process: ChildProcess) {
    this.host = host
    this.#process = process
  }

  /**
   * Starts it with its blobs below `folder`, on a free port or, to come back after a stop, on the
   * one that it had. Rejects with what it said where it does not listen.
   */
  static async start(folder: string, port = 0): Promise<LocalRegistry> {
    await mkdir(folder, { recursive: true })
    const config = join(folder, 'config.json')
    // YAML is a superset of JSON.
    await writeFile(
      config,
      JSON.stringify({
        version: 0.1,
        log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
        storage: {
          filesystem: { rootdirectory: join(folder, 'blobs') },
          delete: { enabled: true },
        },
        http: { addr: `127.0.0.1:${port}`, secret: 'only-for-this-machine' },
      }),
    )
    const child = spawn('docker-registry', ['serve', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return new LocalRegistry(await listeningAddress(child), child)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }
}

/** The address that it logs: asked for port 0, it tells the port that it got. */
function listeningAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`docker-registry ended:\n${said.join('\n')}`)))
    if (child.stderr === null) throw new Error('no stderr')
    createInterface(child.stderr).on('line', (line) => {
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (address !== undefined) resolve(address)
      else if (said.length < 20) said.push(line)
    })
  })
}
