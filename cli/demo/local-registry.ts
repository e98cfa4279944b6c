/** A registry on this machine: the Debian package docker-registry, on a loopback port of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const START_TIMEOUT_MS = 15_000
const POLL_MS = 50

/** A loopback port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export class LocalRegistry {
  readonly host: string
  readonly #process: ChildProcess

  private constructor(host: string, process: ChildProcess) {
    this.host = host
    this.#process = process
  }

  /** Starts it with its blobs below `folder`; `port` keeps an address over a restart. */
  static async start(folder: string, port?: number): Promise<LocalRegistry> {
    const host = `127.0.0.1:${port ?? (await freePort())}`
    await mkdir(folder, { recursive: true })
    const config = join(folder, 'registry.yml')
    const lines = [
      'version: 0.1',
      'log: { level: error, accesslog: { disabled: true } }',
      `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(folder, 'blobs'))} }, delete: { enabled: true } }`,
      `http: { addr: "${host}" }`,
    ]
    await writeFile(config, `${lines.join('\n')}\n`)
    const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
    let failure: Error | undefined
    child.once('error', (error) => (failure = error))
    const deadline = Date.now() + START_TIMEOUT_MS
    while (!(await answers(host))) {
      if (failure !== undefined) throw failure
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        throw new Error(`docker-registry does not answer on ${host}`)
      }
      await delay(POLL_MS)
    }
    return new LocalRegistry(host, child)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await exited
  }
}

async function answers(host: string): Promise<boolean> {
  try {
    return (await fetch(`http://${host}/v2/`)).ok
  } catch {
    return false
  }
}
