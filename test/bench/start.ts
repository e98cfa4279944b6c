/** How long a node takes to start on a large store. */
import { startChild } from './children.ts'
import { figure, heading, quantile } from './report.ts'
import { scaleFolder } from './scale-store.ts'

const ROUNDS = 3

export async function benchStart(size: number): Promise<void> {
  const root = await scaleFolder(size)
  heading(`start: a node with ${size} statements, ${ROUNDS} times`)
  const times: number[] = []
  const memory: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const child = startChild('node.child.mjs', [root])
    const { startMs, rssBytes } = await child.next<{ startMs: number; rssBytes: number }>()
    times.push(startMs / 1000)
    memory.push(rssBytes / 1e6)
    await child.stop()
  }
  figure('until it answers and is on the network, median', quantile(times, 0.5), 's', {
    atMost: 10,
  })
  figure('memory when it has started, median', quantile(memory, 0.5), 'MB')
}
