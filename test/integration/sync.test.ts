/** Sync of logs between real nodes: what it finds, whom it believes, and that it ends with all having the same. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SERVED_REFILL_MS } from '../../node/network/sync/limits.ts'
import type { Head } from '../../protocol/log/head.ts'
import { TestLog } from '../support/logs.ts'
import { startNode, startStar, WANTS_NOTHING, type TestNode } from '../support/network.ts'
import { headTime, sharedLog } from '../support/network-logs.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_TIME } from '../support/statements.ts'
import { waitFor } from '../support/wait-for.ts'

const alice = makeOperator('alice')
const mallory = makeOperator('mallory')

function headOf(node: TestNode, log: TestLog): Head | undefined {
  return node.ledger.book.head(log.origin.text)
}

function isFlagged(node: TestNode, { origin }: TestLog): boolean {
  return node.ledger.book.proofAbout(origin.operator, origin.key) !== undefined
}

/** One round of sync at every node; one in which somebody does not answer, for haste, is none. */
async function syncAll(nodes: readonly TestNode[]): Promise<void> {
  await waitFor('everybody that is asked answers', async () => {
    const rounds = await Promise.all(nodes.map(({ network }) => network.sync()))
    if (rounds.every(({ failed }) => failed === 0)) return true
    // Peers answer one question a second of those who have asked much.
    await pause(SERVED_REFILL_MS)
    return false
  })
}

/** Everything that a node has: its statements, and the newest head of each log. */
async function holdings(node: TestNode): Promise<string[]> {
  const { book, store } = node.ledger
  const heads = book.heads().map(({ origin, size, root, time }) => {
    const missing = [...book.missingBodies(origin.text)].length
    return `${origin.text} ${size} ${root} ${time} ${missing}`
  })
  return [...heads.sort(), String(store.statements.count())]
}

test('a head that comes by gossip brings the leaves and statements under it', async () => {
  const [hub, other] = (await startStar(2)) as [TestNode, TestNode]
  await waitFor('gossip flows', () => hub.network.gossipingPeers === 1)
  const release = makeRelease()
  const [head] = await hub.ledger.put(release)
  await hub.network.publishHead(head!.bytes)
  await waitFor('the release comes', () => other.ledger.has(release.statement.sid))
  expect(other.network.gossipCounts().get('gap')).toBe(1)
  expect(other.ledger.book.head(head!.origin.text)?.root).toBe(head!.root)
})

test('a head at the same size and a later time is taken, by gossip and by sync', async () => {
  const [hub, other] = (await startStar(2)) as [TestNode, TestNode]
  await hub.ledger.put(makeRelease())
  const log = sharedLog(makeOperator('announcer'))
  await waitFor('they speak', async () => (await other.network.sync()).peers === 1)
  const before = headOf(other, log)!.time
  hub.ledger.keep(log, before + 100)
  expect(await other.network.sync()).toEqual({ peers: 1, failed: 0, fetched: 0 })
  expect(headOf(other, log)?.time).toBe(before + 100)

  await waitFor('gossip flows', () => hub.network.gossipingPeers === 1)
  const newest = hub.ledger.keep(log, before + 200)
  await hub.network.publishHead(newest.bytes)
  await waitFor('it comes', () => headOf(other, log)?.time === before + 200)
})

test('every log of an operator is found, though only its id is known', async () => {
  const hub = await startNode({ wants: WANTS_NOTHING })
  await hub.ledger.put(alice.card)
  const first = sharedLog(alice)
  const second = first.next(alice).add('later')
  hub.ledger.keep(second, headTime(first) + 60)
  const other = await startNode({
    wants: { images: [], operators: [alice.id] },
    options: { bootstrap: [hub.address()] },
  })
  await waitFor('both are there', () => headOf(other, first) && headOf(other, second))
  expect(await other.ledger.has(alice.card.statement.sid)).toBe(true)
  expect(headOf(other, second)?.size).toBe(2)
})

test('a log in the name of an operator whose card does not list its key is not kept, and its bearer not blamed', async () => {
  const hub = await startNode({ wants: WANTS_NOTHING })
  const false_ = new TestLog(mallory, 0, alice.id).add('lie')
  await hub.ledger.put(alice.card, mallory.card)
  hub.ledger.keep(false_, TEST_TIME)
  const other = await startNode({
    wants: { images: [], operators: [alice.id] },
    options: { bootstrap: [hub.address()] },
  })
  await waitFor('the true log is there', () => headOf(other, sharedLog(alice)))
  expect(await other.network.sync()).toMatchObject({ peers: 1, failed: 0 })
  expect(headOf(other, false_)).toBeUndefined()
  expect(await other.ledger.has(mallory.card.statement.sid)).toBe(false)
})

test('what a partition kept apart is the same everywhere two rounds after it heals', async () => {
  const release = makeRelease()
  const groups = await Promise.all([startStar(3), startStar(3)])
  const nodes = groups.flat()
  for (const node of nodes) await node.ledger.put(release)
  await syncAll(nodes)
  const rebuilds = groups.map((group, g) =>
    group.flatMap((node, i) => {
      const operator = makeOperator(`rebuilder ${g} ${i}`)
      return [
        operator.card,
        ...[1, 2, 3].map((n) => makeRebuild({ operator, release, digest: `${n}` })),
      ].map((statement) => ({ node, statement }))
    }),
  )
  for (const { node, statement } of rebuilds.flat()) await node.ledger.put(statement)
  await syncAll(nodes)
  const [one, two] = groups
  expect(await holdings(one[0]!)).not.toEqual(await holdings(two[0]!))

  await one[0]!.network.dial(two[0]!.address())
  await waitFor('they speak', async () => (await one[0]!.network.sync()).peers === 3)
  await syncAll(nodes)
  await syncAll(nodes)
  const all = await holdings(nodes[0]!)
  for (const node of nodes) expect(await holdings(node)).toEqual(all)
})

/** Two histories of one key, that agree on their first leaves. */
function forked(sizes: readonly [number, number]): [TestLog, TestLog] {
  const begin = (): TestLog => new TestLog(alice).add(alice.card).grow(3, 'same')
  return [begin().grow(sizes[0], 'to some'), begin().grow(sizes[1], 'to others')]
}

test.each([
  ['one size and two roots', [5, 5], 1000],
  ['the second larger, and later', [5, 7], 1000],
  ['the second smaller, and earlier', [7, 5], -1000],
] as const)(
  'a log that is forked (%s) is proven at every node within two rounds',
  async (_, sizes, later) => {
    const groups = await Promise.all([startStar(3), startStar(2)])
    const nodes = groups.flat()
    const [some, others] = forked(sizes)
    for (const node of groups[0]) node.ledger.keep(some, TEST_TIME + 3600)
    for (const node of groups[1]) node.ledger.keep(others, TEST_TIME + 3600 + later)
    await groups[0][0]!.network.dial(groups[1][0]!.address())
    await waitFor('they speak', () => groups[0][0]!.network.peers().length === 3)
    await syncAll(nodes)
    await syncAll(nodes)
    for (const node of nodes) expect(isFlagged(node, some)).toBe(true)
    // Nobody is blamed for what a signer did.
    expect(groups[0][0]!.network.peers()).toHaveLength(3)
  },
)

test('two heads that contradict each other are proof by gossip, and the proof goes on to those who saw one', async () => {
  const nodes = await startStar(4)
  const [hub, ...others] = nodes as [TestNode, ...TestNode[]]
  const [some, different] = forked([5, 5])
  for (const node of nodes) node.ledger.keep(some, TEST_TIME + 3600)
  await waitFor('gossip flows', () => hub.network.gossipingPeers === 3)
  await others[0]!.network.publishHead(different.head(TEST_TIME + 3600).bytes)
  await waitFor('all know', () => nodes.every((node) => isFlagged(node, some)))
})

test('a proof that is known before a node comes, reaches it by sync', async () => {
  const hub = await startNode()
  const [some, different] = forked([5, 6])
  hub.ledger.keep(some, TEST_TIME + 3600)
  hub.ledger.keep(different, TEST_TIME + 3000)
  expect(isFlagged(hub, some)).toBe(true)
  const late = await startNode({ options: { bootstrap: [hub.address()] } })
  await waitFor('it knows', () => isFlagged(late, some))
})

test('who tells a node of another size than its log has is believed in nothing', async () => {
  const [hub, other] = (await startStar(2)) as [TestNode, TestNode]
  await waitFor('gossip flows', () => hub.network.gossipingPeers === 1)
  // A head that its owner signed and whose leaves nobody has: it replaces nothing.
  await hub.ledger.put(makeRelease())
  await waitFor('they speak', async () => (await other.network.sync()).peers === 1)
  const log = sharedLog(makeOperator('announcer'))
  const kept = headOf(other, log)!
  const claim = new TestLog(makeOperator('announcer')).grow(60_000).head(kept.time + 50)
  await hub.network.publishHead(claim.bytes)
  await waitFor('it was looked at', () => other.network.gossipCounts().get('gap') === 1)
  await other.network.sync()
  expect(headOf(other, log)).toEqual(kept)
})
