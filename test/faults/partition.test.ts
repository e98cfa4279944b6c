/**
 * Twenty nodes on long and lossy wires: the network is cut in two, both halves go on, and when it
 * has healed all nodes hold the same statements and the same heads.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { parseBundle } from '../../protocol/bundle.ts'
import { createLossyNetwork, NODE_PORT } from '../support/faults-network.ts'
import { FaultNode, PATIENCE } from '../support/faults-node.ts'
import { GOOD, makeNodeFolder, putStatements, writeSettings } from '../support/real-node.ts'
import { makeRebuild, makeRelease } from '../support/statements.ts'
import { waitFor } from '../support/wait-for.ts'

const NODES = 20
const HALF = NODES / 2
const SYNC_INTERVAL_S = 5
const POLL_MS = 1000
/** Cuts, and how many nodes of each half publish during each. */
const { cuts, publishers } = {
  default: { cuts: 1, publishers: 3 },
  ci: { cuts: 4, publishers: 6 },
  soak: { cuts: 100, publishers: HALF },
}[process.env.REBUILDNET_TEST_DEPTH ?? 'default'] as { cuts: number; publishers: number }

interface Holding {
  /** Of all statements and heads. */
  readonly hash: string
  readonly sids: ReadonlySet<string>
  readonly heads: number
  readonly proofs: number
}

/** What a node holds of the project: all that a verdict stands on, as it exports it. */
async function holdingOf(node: FaultNode): Promise<Holding> {
  const signal = new AbortController().signal
  const { bundle } = await node.client.exportBundle(
    { image: GOOD, platform: 'linux/amd64' },
    signal,
  )
  const { statements, logs, proofs } = parseBundle(Buffer.from(bundle, 'base64'))
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  const sids = statements.map(digest)
  const heads = logs.map(({ head, slots }) => digest(head) + digest(slots))
  const hash = digest(Buffer.from([...sids.toSorted(), '|', ...heads.toSorted()].join(' ')))
  return { hash, sids: new Set(sids), heads: heads.length, proofs: proofs.length }
}

/** Waits until these nodes hold the same, and `enough` of it. */
async function untilEqual(
  what: string,
  nodes: readonly FaultNode[],
  enough: { readonly statements: number; readonly heads: number },
): Promise<Holding> {
  let last: readonly Holding[] = []
  try {
    return await waitFor(
      what,
      async () => {
        // Nodes that are asked all the time have none for one another.
        await pause(POLL_MS)
        last = await Promise.all(nodes.map(holdingOf))
        const [first] = last
        const isSame = last.every(({ hash }) => hash === first?.hash)
        const isEnough = first?.sids.size === enough.statements && first.heads === enough.heads
        return isSame && isEnough ? first : undefined
      },
      PATIENCE,
    )
  } catch (error) {
    const counts = last.map(({ sids, heads, hash }) => `${sids.size}/${heads}/${hash.slice(0, 6)}`)
    throw new Error(`${(error as Error).message}: ${counts.join(' ')}`, { cause: error })
  }
}

// Skipped where network namespaces cannot be made: only root may.
it.skipIf(process.getuid?.() !== 0)(
  `${NODES} nodes that were cut in two hold the same statements and heads when they have met again`,
  { timeout: 2_400_000 + cuts * 240_000 },
  async () => {
    const wire = { delayMs: 40, loss: 0.01, rate: '10mbit' }
    const network = await createLossyNetwork(NODES, wire)
    const folders = await Promise.all(
      network.machines.map((_, i) => makeNodeFolder(`node${String(i).padStart(2, '0')}`)),
    )
    const [announcer] = folders
    const release = makeRelease({ operator: announcer!.operator })
    // Everybody has a result for each cut to take back, which is the quickest publication.
    const rebuilds = folders.map(({ operator }) =>
      Array.from({ length: cuts }, (_, i) =>
        makeRebuild({
          operator,
          release,
          digest: 'good',
          materials: [],
          finished: 1_767_225_720 + i,
        }),
      ),
    )
    for (const [i, folder] of folders.entries()) {
      await writeSettings(folder, announcer!, folders)
      await putStatements(folder, ...(i === 0 ? [release] : []), ...rebuilds[i]!)
    }
    const bootstrap: string[] = []
    const nodes: FaultNode[] = []
    const startNode = async (i: number): Promise<void> => {
      const { address, by } = network.machines[i]!
      const isFirst = i % HALF === 0
      const node = new FaultNode({
        root: folders[i]!.root,
        by,
        config: {
          network: 'test',
          listen: [`/ip4/0.0.0.0/tcp/${NODE_PORT}`],
          announce: [`/ip4/${address}/tcp/${NODE_PORT}`],
          bootstrap: [...bootstrap],
          peer_exchange: isFirst,
          mdns: false,
          upnp: false,
          sync_interval: `${SYNC_INTERVAL_S}s`,
          min_free_mb: 0,
          log_level: 'error',
        },
      })
      nodes[i] = node
      const { listen } = await node.start()
      if (isFirst) bootstrap.push(listen.find((each) => each.includes(address))!)
    }
    // One of each half is where the others find one another.
    await startNode(0)
    await startNode(HALF)
    const rest = folders.map((_, i) => i).filter((i) => i % HALF !== 0)
    await Promise.all(rest.map(startNode))

    let statements = 1 + NODES + NODES * cuts
    await untilEqual('all hold all', nodes, { statements, heads: NODES })
    const halves = [nodes.slice(0, HALF), nodes.slice(HALF)]
    for (let cut = 0; cut < cuts; cut++) {
      await network.cut()
      const before = await network.packetsCutOff()
      // Everybody takes back what it said, in both halves.
      const first = (cut * publishers) % HALF
      const chosen = Array.from({ length: publishers }, (_, i) => (first + i) % HALF)
      await Promise.all(
        halves.flatMap((half, h) =>
          chosen.map((i) => {
            const { sid } = rebuilds[h * HALF + i]![cut]!.statement
            return half[i]!.client.withdraw(sid, `cut ${cut}`)
          }),
        ),
      )
      const enough = { statements: statements + publishers, heads: NODES }
      const [left, right] = await Promise.all(
        halves.map((half, h) => untilEqual(`half ${h} goes on`, half, enough)),
      )
      expect(left!.hash).not.toBe(right!.hash)
      const common = [...left!.sids].filter((sid) => right!.sids.has(sid))
      expect(common).toHaveLength(statements)
      expect(await network.packetsCutOff()).toBeGreaterThan(before)

      await network.heal()
      const healed = Date.now()
      statements += 2 * publishers
      const { proofs } = await untilEqual('all hold all again', nodes, { statements, heads: NODES })
      expect(proofs).toBe(0)
      const intervals = (Date.now() - healed) / 1000 / SYNC_INTERVAL_S
      console.log(
        `cut ${cut + 1} of ${cuts} (${network.means}): ${NODES} nodes with ${statements} statements the same ${intervals.toFixed(1)} sync intervals after it healed`,
      )
    }
    const answers = await Promise.all(
      nodes.map(({ client }) => client.verdict({ image: GOOD, platform: 'linux/amd64' })),
    )
    const words = answers.map(({ answers: [answer] }) => {
      const { verdict, decision, supporters = [], retracted = [] } = answer ?? {}
      return { verdict, decision, supporters: supporters.length, retracted: retracted.length }
    })
    expect(words).toEqual(words.map(() => words[0]))
  },
)
