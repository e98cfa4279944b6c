/**
 * A node as its user runs it: `rebuildnet start` from the build, in a process that a test may kill,
 * asked over its socket.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { ApiClient } from '../../cli/api/api-client.ts'
import { SocketTransport } from '../../cli/api/socket-transport.ts'
import { socketPath } from '../../node/http/socket-path.ts'
import type { Status } from '../../node/http/node-service.ts'
import { waitFor } from './wait-for.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** Machines that run tests are slow at times; nothing is learned from a limit that is close. */
export const PATIENCE = { deadlineMs: 600_000 }
const LOG_LINES = 40

export interface FaultNodeInit {
  readonly root: string
  /** What to run it by, such as `ip netns exec NAME`. */
  readonly by?: readonly string[]
  readonly config: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

export class FaultNode {
  readonly root: string
  readonly client: ApiClient
  readonly #init: FaultNodeInit
  #child: ChildProcess | undefined
  #started: Promise<Status> | undefined
  #words: string[] = []

  constructor(init: FaultNodeInit) {
    this.root = init.root
    this.#init = init
    this.client = new ApiClient(new SocketTransport(socketPath(init.root)))
    onTestFinished(() => this.kill())
  }

  /** What its last process wrote on standard error. */
  get words(): string {
    return this.#words.join('\n')
  }

  get isRunning(): boolean {
    const child = this.#child
    return child?.exitCode === null && child.signalCode === null
  }

  /** Begins a process; resolves when there is one, long before it has started. */
  async spawn(config: FaultNodeInit['config'] = {}): Promise<void> {
    const { root, by = [] } = this.#init
    const lines = Object.entries({ format: 1, ...this.#init.config, ...config }).map(
      ([key, value]) => `${key} = ${JSON.stringify(value)}\n`,
    )
    await writeFile(join(root, 'config.toml'), lines.join(''))
    const [command = process.execPath, ...args] = [
      ...by,
      ...[process.execPath, MAIN, 'start', '--json', '--data', root],
    ]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#words = []
    createInterface(child.stderr).on('line', (line) => {
      this.#words.push(line)
      if (this.#words.length > LOG_LINES) this.#words.shift()
    })
    const started = Promise.withResolvers<Status>()
    // Who does not wait for it has not lost anything.
    started.promise.catch(() => undefined)
    createInterface(child.stdout).on('line', (line) => {
      const event = JSON.parse(line) as { type: string; data: Status }
      if (event.type === 'started') started.resolve(event.data)
    })
    child.once('close', () => started.reject(new Error(`the node ended:\n${this.words}`)))
    this.#started = started.promise
    await once(child, 'spawn')
  }

  async start(config: FaultNodeInit['config'] = {}): Promise<Status> {
    await this.spawn(config)
    return this.started()
  }

  /** Resolves when it says that it has started; throws with its words where it ends instead. */
  async started(): Promise<Status> {
    if (this.#started === undefined) throw new Error('there is no process')
    return this.#started
  }

  /** Waits until a peer has told it what is known of its log, so that it signs. */
  async signing(): Promise<Status> {
    return waitFor(
      'the node signs heads',
      async () => {
        const status = await this.client.status()
        return status.logs.own.signing ? status : undefined
      },
      PATIENCE,
    )
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Stops it in order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.isRunning) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}

/** Follows a project of TEST_IMAGE whose source is a repository on this machine. */
export async function followLocalProject(
  root: string,
  image: string,
  announcer: string,
  repository: string,
): Promise<void> {
  const project = `format = 1
image = ${JSON.stringify(image)}
platforms = ["linux/amd64"]
source = ${JSON.stringify(`git+file://${repository}`)}
announcers = [${JSON.stringify(announcer)}]
insecure = ["file"]
[recipe]
source_date_epoch = "commit"
builders = [{ name = "buildah", version = "1.28" }]
`
  await writeFile(join(root, 'projects', 'app.toml'), project)
}
