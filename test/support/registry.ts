/** A real registry (Debian's `docker-registry`) on a free loopback port, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalRegistry } from '../../cli/demo/local-registry.ts'

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  stop(): Promise<void>
}

/** Resolves when the registry listens; rejects with what it said where it does not. */
export async function startRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-registry-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const registry = await LocalRegistry.start(folder)
    return {
      host: registry.host,
      stop: async () => {
        await registry.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
