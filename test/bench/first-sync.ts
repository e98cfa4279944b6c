/** The first sync of a node that has nothing, with one that has everything, over loopback. */
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { startChild, type Child } from './children.ts'
import { figure, folder, heading } from './report.ts'
import { copyFolder, makeEmptyFolder, scaleFolder } from './scale-store.ts'

const POLL_MS = 200
const STALL_MS = 120_000
/** A start asks all answers again: the server is quiet once that takes less of a core than this. */
const QUIET_SHARE = 0.05
const QUIET_MS = 2_000

export interface NodeState {
  readonly statements: number
  readonly cpuMs: number
  readonly rssBytes: number
  readonly at: number
}

export async function stateOf(child: Child): Promise<NodeState> {
  child.tell('status')
  return child.next<NodeState>()
}

/** Waits until it has so many; throws where none comes for two minutes. */
export async function untilStored(child: Child, count: number): Promise<NodeState> {
  let [most, since] = [0, Date.now()]
  for (;;) {
    const state = await stateOf(child)
    if (state.statements >= count) return state
    if (state.statements > most) [most, since] = [state.statements, Date.now()]
    if (Date.now() - since > STALL_MS) throw new Error(`stuck at ${most} of ${count} statements`)
    await wait(POLL_MS)
  }
}

/** Waits until a node does nothing but wait. */
async function untilQuiet(child: Child): Promise<NodeState> {
  for (let before = await stateOf(child); ;) {
    await wait(QUIET_MS)
    const state = await stateOf(child)
    if (state.cpuMs - before.cpuMs < QUIET_SHARE * (state.at - before.at)) return state
    before = state
  }
}

export async function benchFirstSync(size: number): Promise<void> {
  const full = join(folder, 'sync-full')
  const empty = join(folder, 'sync-empty')
  await copyFolder(await scaleFolder(size), full, size)
  await makeEmptyFolder(empty, size)
  heading(`first-sync: ${size} statements between two nodes`)
  const bare = startChild('statements.child.mjs', ['bare', '0', '5000'])
  const { seconds } = await bare.next<{ seconds: number }>()
  await bare.stop()

  const server = startChild('node.child.mjs', [full])
  const { address } = await server.next<{ address: string }>()
  const { statements, cpuMs: servedFrom } = await untilQuiet(server)
  const client = startChild('node.child.mjs', [empty, address])
  await client.next()
  const first = await stateOf(client)
  // Each node has a card of its own beside what they share.
  const last = await untilStored(client, statements)
  const served = (await stateOf(server)).cpuMs - servedFrom
  await client.stop()
  await server.stop()
  await rm(full, { recursive: true })
  await rm(empty, { recursive: true })
  const took = (last.at - first.at) / 1000
  const came = last.statements - first.statements
  figure('took', took, 's')
  figure('statements', came / took, 'a second')
  figure('bare Ed25519 of one thread', 5000 / seconds, 'a second')
  figure('ratio', came / took / (5000 / seconds), '', { atLeast: 0.7 })
  figure('CPU of the one that asks', (last.cpuMs - first.cpuMs) / came, 'ms each')
  figure('CPU of the one that answers', served / came, 'ms each')
  figure('memory of the one that asks', last.rssBytes / 1e6, 'MB')
}
