/** A node's network in another process (`test/integration/network-node.child.ts`), asked over its pipes. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ConnectedPeer, NetworkOptions } from '../../node/network/network.ts'
import { temporaryFolder } from './temporary-store.ts'
import { waitFor } from './wait-for.ts'

export type NodeCommand =
  | { readonly do: 'addresses' | 'peers' | 'offers' | 'sync' | 'usage' | 'counts' }
  /** Stores a release of the test project, and tells the network of it, or has it in its log for sync. */
  | { readonly do: 'publish' | 'put'; readonly version: string }

export interface Offer {
  readonly sid: string
  readonly origin: { readonly via: string; readonly peer: string }
}

/** What a process costs. */
export interface Usage {
  readonly rssBytes: number
  /** The most that it ever was. */
  readonly maxRssBytes: number
  /** How late its event loop was, of 99 turns in a hundred, since the last time it was asked. */
  readonly lagP99Ms: number
}

export interface NodeProcess {
  usage(): Promise<Usage>
  /** How often each result of validation was found. */
  counts(): Promise<Readonly<Record<string, number>>>
  addresses(): Promise<readonly string[]>
  peers(): Promise<readonly ConnectedPeer[]>
  /** What came in, and from whom. */
  offers(): Promise<readonly Offer[]>
  sync(): Promise<unknown>
  publish(version: string): Promise<string>
  put(version: string): Promise<string>
  /** Waits until it has a statement, and says how it came. */
  received(sid: string): Promise<Offer>
  stop(): Promise<void>
}

export interface NodeProcessInit {
  readonly options: Partial<NetworkOptions>
  /** What to run the node by, such as `ip netns exec NAME`. */
  readonly by?: readonly string[]
  /** Where its store and keys are; a node that comes back keeps them. */
  readonly folder?: string
}

const CHILD = fileURLToPath(new URL('../integration/network-node.child.ts', import.meta.url))

export async function startNodeProcess(init: NodeProcessInit): Promise<NodeProcess> {
  const folder = init.folder ?? (await temporaryFolder())
  const options = { network: 'test', mdns: false, agent: 'rebuildnet/test', ...init.options }
  const [command = process.execPath, ...args] = [
    ...(init.by ?? []),
    process.execPath,
    ...[CHILD, folder, JSON.stringify(options)],
  ]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const waiting = new Map<number, (reply: { value?: unknown; error?: string }) => void>()
  let last = 0
  createInterface({ input: child.stdout }).on('line', (line) => {
    const reply = JSON.parse(line) as { id: number; value?: unknown; error?: string }
    waiting.get(reply.id)?.(reply)
    waiting.delete(reply.id)
  })
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await ended
  }
  onTestFinished(stop)

  const ask = async <T>(command: NodeCommand): Promise<T> => {
    const id = ++last
    const replied = new Promise<{ value?: unknown; error?: string }>((resolve) =>
      waiting.set(id, resolve),
    )
    child.stdin.write(`${JSON.stringify({ id, command })}\n`)
    const reply = await Promise.race([replied, ended.then(() => ({ error: errors }))])
    if (reply.error !== undefined) throw new Error(`the node failed: ${reply.error}`)
    return (reply as { value: T }).value
  }
  const node: NodeProcess = {
    addresses: () => ask({ do: 'addresses' }),
    peers: () => ask({ do: 'peers' }),
    offers: () => ask({ do: 'offers' }),
    sync: () => ask({ do: 'sync' }),
    usage: () => ask({ do: 'usage' }),
    counts: () => ask({ do: 'counts' }),
    publish: (version) => ask({ do: 'publish', version }),
    put: (version) => ask({ do: 'put', version }),
    received: (sid) =>
      waitFor(`statement ${sid.slice(0, 8)} comes`, async () =>
        (await node.offers()).find((offer) => offer.sid === sid),
      ),
    stop,
  }
  await node.addresses()
  return node
}
