/** A real registry (Debian's `docker-registry`) on a free loopback port, in a folder of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  stop(): Promise<void>
}

/** Resolves when the registry listens; rejects with what it said where it does not. */
export async function startRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-registry-'))
  const config = join(folder, 'config.json')
  // YAML is a superset of JSON.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0', secret: 'only-for-tests' },
    }),
  )
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit').catch(() => undefined)
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    return { host: await listeningAddress(child), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The address that it logs: asked for port 0, it tells the port that it got. */
function listeningAddress(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`docker-registry ended:\n${said.join('\n')}`)))
    if (child.stderr === null) return reject(new Error('no stderr'))
    createInterface(child.stderr).on('line', (line) => {
      said.push(line)
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
}
