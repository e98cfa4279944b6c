/** How long gossip takes from one of many processes to all others. */
import { setTimeout as wait } from 'node:timers/promises'
import { startChild, type Child } from './children.ts'
import { figure, heading, quantile } from './report.ts'

const NODES = 20
const STATEMENTS = 40
const PAUSE_MS = 250
/** Of each node's connections. */
const BOOTSTRAPS = 4
const WAIT_MS = 30_000

interface Seen {
  readonly sid: string
  readonly at: number
}

export async function benchDelivery(): Promise<void> {
  heading(`delivery: ${STATEMENTS} statements by gossip to ${NODES} processes`)
  const children: Child[] = []
  const addresses: string[] = []
  for (let i = 0; i < NODES; i++) {
    const child = startChild('delivery.child.ts', [
      String(i),
      // Each knows some of those before it, the first ones most.
      ...Array.from(
        { length: Math.min(i, BOOTSTRAPS) },
        (_, j) => addresses[(i * 7 + j * 5) % i] ?? '',
      ),
    ])
    children.push(child)
    addresses.push((await child.next<{ address: string }>()).address)
  }
  // Ready when everyone gossips with somebody.
  for (const child of children) {
    for (;;) {
      child.tell({})
      const { gossiping } = await child.next<{ gossiping: number }>()
      if (gossiping >= 1) break
      await wait(PAUSE_MS)
    }
  }
  const published = new Map<string, number>()
  const seen = new Map<string, number[]>()
  const readers = children.map(async (child) => {
    try {
      for (;;) {
        const { sid, at } = await child.next<Seen>()
        seen.set(sid, [...(seen.get(sid) ?? []), at])
      }
    } catch {
      // It was stopped.
    }
  })
  for (let i = 0; i < STATEMENTS; i++) {
    children[(i * 3) % NODES]?.tell({ version: `1.${i}.0` })
    await wait(PAUSE_MS)
  }
  const isComplete = (): boolean =>
    seen.size === STATEMENTS && [...seen.values()].every((times) => times.length >= NODES)
  for (let waited = 0; waited < WAIT_MS && !isComplete(); waited += PAUSE_MS) await wait(PAUSE_MS)
  await Promise.all(children.map((child) => child.stop()))
  await Promise.all(readers)
  const latencies: number[] = []
  for (const [sid, times] of seen) {
    const first = Math.min(...times)
    published.set(sid, first)
    latencies.push(...times.filter((at) => at > first).map((at) => at - first))
  }
  const deliveries = [...seen.values()].reduce((sum, times) => sum + times.length, 0)
  figure('delivered', (100 * deliveries) / (STATEMENTS * NODES), '%', { atLeast: 100 })
  figure('latency, p50', quantile(latencies, 0.5) / 1000, 's', { atMost: 1 })
  figure('latency, p99', quantile(latencies, 0.99) / 1000, 's', { atMost: 5 })
}
