/**
 * The node that a command talks to: over its socket where it runs; where it does not, its data
 * folder is opened in this process, without network and queue.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { openDataFolder } from '../../node/data-folder.ts'
import { isFamilyError } from '../../node/http/problem.ts'
import { isAnswered, socketPath } from '../../node/http/socket-path.ts'
import { ApiClient } from './api-client.ts'
import { SocketTransport } from './socket-transport.ts'

/** How long a store that another process holds is waited for: a node that starts, another command. */
const LOCK_WAIT_MS = 15_000
const LOCK_POLL_MS = 100

export interface Session {
  readonly client: ApiClient
  /** False where no node runs. */
  readonly running: boolean
  close(): Promise<void>
}

export async function openSession(root: string): Promise<Session> {
  await openDataFolder(root)
  const path = socketPath(root)
  for (const deadline = Date.now() + LOCK_WAIT_MS; ;) {
    if (await isAnswered(path)) return openRunning(path)
    try {
      return await openOffline(root)
    } catch (error) {
      // Either the node is just starting and will answer soon, or another command is at work.
      if (!isLocked(error) || Date.now() > deadline) throw error
      await delay(LOCK_POLL_MS)
    }
  }
}

function openRunning(path: string): Session {
  const client = new ApiClient(new SocketTransport(path))
  return { client, running: true, close: async () => undefined }
}

/** Loaded only here: these parts make a command slower to start, and most find a node running. */
async function openOffline(root: string): Promise<Session> {
  const [{ openOfflineService }, { createApp }, { createLogger }, { InjectTransport }] =
    await Promise.all([
      import('../../node/node.ts'),
      import('../../node/http/app.ts'),
      import('../../node/logger.ts'),
      import('./inject-transport.ts'),
    ])
  const offline = await openOfflineService(root)
  const app = await createApp({ service: offline.service, logger: createLogger('silent') })
  return {
    client: new ApiClient(new InjectTransport(app)),
    running: false,
    close: async () => {
      await app.close()
      await offline.close()
    },
  }
}

export function isLocked(error: unknown): boolean {
  return isFamilyError(error) && error.name === 'StoreError' && error.code === 'locked'
}
