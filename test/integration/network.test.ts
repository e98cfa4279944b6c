import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import {
  createNode,
  startNode,
  startStar,
  WANTS_NOTHING,
  type TestNode,
} from '../support/network.ts'
import {
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  TEST_IMAGE,
} from '../support/statements.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

test('six nodes that share nothing but the network all get every statement by gossip', async () => {
  const nodes = await startStar(6, { wants: WANTS_NOTHING })
  const [hub, ...others] = nodes as [TestNode, ...TestNode[]]
  await waitFor('gossip flows', () => hub.network.gossipingPeers === others.length)

  const release = makeRelease()
  const rebuilds = others.map((_, i) =>
    makeRebuild({ operator: makeOperator(`rebuilder ${i}`), release }),
  )
  const cards = others.map((_, i) => makeOperator(`rebuilder ${i}`).card)
  const withdrawals = [
    makeWithdrawal({ operator: makeOperator('rebuilder 0'), withdraws: rebuilds[0]! }),
    makeWithdrawal({ operator: makeOperator('announcer'), withdraws: release }),
  ]
  const everywhere = (wanted: readonly CreatedStatement[]): Promise<boolean> =>
    Promise.all(nodes.map(({ ledger }) => ledger.hasAll(wanted))).then((all) => all.every(Boolean))

  await others[0]!.publish(release)
  await waitFor('the release is everywhere', () => everywhere([release]))
  for (const [i, node] of others.entries()) await node.publish(cards[i]!, rebuilds[i]!)
  await waitFor('cards and rebuilds are everywhere', () => everywhere([...cards, ...rebuilds]))
  await others[1]!.publish(...withdrawals)
  await waitFor('withdrawals are everywhere', () => everywhere(withdrawals))

  const ways = new Set(nodes.flatMap(({ ledger }) => ledger.offers.map((o) => o.origin.via)))
  expect([...ways]).toEqual(['gossip'])
})

test('a node that joins late gets every statement of the projects that it follows, and its signers', async () => {
  const hub = await startNode()
  const release = makeRelease()
  const operators = Array.from({ length: 30 }, (_, i) => makeOperator(`late ${i}`))
  const rebuilds = operators.map((operator) => makeRebuild({ operator, release }))
  const foreign = makeRelease({ image: 'registry.example/other/app' })
  const stranger = makeOperator('who says nothing').card
  const named = makeOperator('named in the policy')
  const wanted = [release, ...rebuilds, ...operators.map((o) => o.card), named.card]
  for (const { bytes } of [...wanted, foreign, stranger]) await hub.ledger.put(bytes)

  const late = await startNode({
    wants: { images: [TEST_IMAGE], operators: [named.id] },
    options: { bootstrap: [hub.address()] },
  })
  await waitFor('all of it is there', () => late.ledger.hasAll(wanted))
  await waitFor('it knows that it is complete', () => late.network.synced)
  expect(await late.ledger.has(foreign.statement.sid)).toBe(false)
  expect(await late.ledger.has(stranger.statement.sid)).toBe(false)
})

test('more statements than one frame lists come over as well', async () => {
  const hub = await startNode()
  const release = makeRelease()
  const operator = makeOperator('busy')
  const rebuilds = Array.from({ length: 1300 }, (_, i) =>
    makeRebuild({ operator, release, digest: `result ${i}` }),
  )
  for (const { bytes } of [release, ...rebuilds]) await hub.ledger.put(bytes)

  const late = await startNode({ options: { bootstrap: [hub.address()] } })
  await waitFor('all are there', () => late.ledger.store.statements.count() === 1301)
})

test('a node that was away gets what was said meanwhile', async () => {
  const hub = await startNode()
  const folder = await temporaryFolder()
  const options = { bootstrap: [hub.address()] }
  const before = await startNode({ options, folder })
  const release = makeRelease()
  await waitFor('it is connected', () => hub.network.peers().length === 1)
  await hub.publish(release)
  await waitFor('the release is there', () => before.ledger.has(release.statement.sid))
  const { peerId } = before.network
  await before.network.stop()
  await waitFor('it has gone', () => hub.network.peers().length === 0)

  const rebuild = makeRebuild({ release })
  await hub.publish(rebuild)
  const after = await startNode({ options, folder, ledger: before.ledger })
  await waitFor('the rebuild is there', () => after.ledger.has(rebuild.statement.sid))
  expect(after.network.peerId).toBe(peerId)
  // By sync, or by the gossip that the hub still remembers: whichever comes first.
  expect(after.ledger.offers.map(({ sid }) => sid)).toContain(rebuild.statement.sid)
})

test('what gossip lost, the next round of sync delivers', async () => {
  const hub = await startNode()
  const other = await startNode({ options: { bootstrap: [hub.address()], syncIntervalMs: 300 } })
  await waitFor('the first sync is done', () => other.network.synced)
  const release = makeRelease()
  await hub.ledger.put(release.bytes)
  await waitFor('the release is there', () => other.ledger.has(release.statement.sid))
})

test('what a peer heard before it forwarded to a new one, a second look brings', async () => {
  const hub = await startNode()
  const other = await startNode({ options: { bootstrap: [hub.address()], settleMs: 300 } })
  await waitFor('the first sync is done', () => other.network.synced)
  const release = makeRelease()
  await hub.ledger.put(release.bytes)
  await waitFor('the release is there', () => other.ledger.has(release.statement.sid))
})

test('what is followed later is fetched when sync is asked for', async () => {
  const hub = await startNode()
  const release = makeRelease()
  await hub.ledger.put(release.bytes)
  const other = await startNode({
    wants: WANTS_NOTHING,
    options: { bootstrap: [hub.address()] },
  })
  await waitFor('the first sync is done', () => other.network.synced)
  expect(await other.ledger.has(release.statement.sid)).toBe(false)

  other.ledger.follow({ images: [TEST_IMAGE], operators: [] })
  expect(await other.network.sync()).toEqual({ peers: 1, failed: 0, fetched: 1 })
  expect(await other.ledger.has(release.statement.sid)).toBe(true)
})

test('what is published before there is a peer reaches the first one by gossip', async () => {
  const lonely = await startNode({ wants: WANTS_NOTHING })
  const release = makeRelease()
  await lonely.publish(release)
  const first = await startNode({
    wants: WANTS_NOTHING,
    options: { bootstrap: [lonely.address()] },
  })
  await waitFor('the release is there', () => first.ledger.has(release.statement.sid))
  expect(first.ledger.offers[0]?.origin.via).toBe('gossip')
})

test('a rebuild that comes before its release waits for it', async () => {
  const [hub, other] = await startStar(2, { wants: WANTS_NOTHING })
  await waitFor('they are connected', () => hub!.network.peers().length === 1)
  const release = makeRelease()
  const rebuild = makeRebuild({ release })
  await hub!.publish(rebuild)
  await waitFor('the rebuild waits', () => other!.network.gossipCounts().get('parked') === 1)
  expect(await other!.ledger.has(rebuild.statement.sid)).toBe(false)
  await hub!.publish(release)
  await waitFor('both are there', () => other!.ledger.hasAll([release, rebuild]))
})

test('twenty nodes that start at the same moment all reach the one that they know', async () => {
  const nodes = await startStar(21, { wants: WANTS_NOTHING })
  await waitFor('all are connected', () => nodes[0]!.network.peers().length === 20)
})

test('a node started before its bootstrap node finds it when it comes', async () => {
  const folder = await temporaryFolder()
  const first = await startNode({ folder })
  const address = first.address()
  await first.network.stop()
  const waiting = await startNode({ options: { bootstrap: [address] } })
  const port = address.split('/')[4]
  const back = await startNode({ folder, options: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } })
  await waitFor('they are connected', () => back.network.peers().length === 1)
  expect(waiting.network.peers()[0]).toMatchObject({
    peerId: back.network.peerId,
    direction: 'outbound',
    addresses: [address],
  })
})

test('peers are told apart, and their coming and going is told', async () => {
  const hub = await startNode()
  const events: string[] = []
  const stop = hub.network.onPeer(({ peerId, state }) => events.push(`${state} ${peerId}`))
  const other = await startNode()
  const { peerId } = other.network
  await other.network.dial(hub.address())
  const peer = await waitFor('it says what it is', () =>
    hub.network.peers().find(({ agent }) => agent === 'rebuildnet/test'),
  )
  expect(peer).toMatchObject({ peerId, direction: 'inbound' })
  await other.network.stop()
  await waitFor('it has gone', () => events.length === 2)
  expect(events).toEqual([`connected ${peerId}`, `disconnected ${peerId}`])
  stop()
})

test('nodes of different networks exchange nothing', async () => {
  const hub = await startNode({ options: { network: 'one' } })
  const other = await startNode({ options: { network: 'two', bootstrap: [hub.address()] } })
  await waitFor('they have met', () => hub.network.peers().some(({ agent }) => agent !== null))
  await hub.publish(makeRelease())
  expect(await other.network.sync()).toEqual({ peers: 0, failed: 0, fetched: 0 })
  expect(other.network.gossipCounts().size).toBe(0)
})

test('a port in use is said in one line, and what was started is stopped', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const node = await createNode({ options: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } })
  const error = await node.network.start().catch((e: unknown) => e as Error)
  expect(error).toMatchObject({ name: 'NetworkError', code: 'address-in-use' })
  expect((error as Error).message).toMatch(
    new RegExp(`^cannot listen on /ip4/127.0.0.1/tcp/${port}: [^\\n]+$`),
  )
  expect(() => node.network.addresses()).toThrow(expect.objectContaining({ code: 'not-started' }))
})

test.each([
  [{ listen: ['127.0.0.1:4801'] }, 'bad-address'],
  [{ listen: ['/ip4/127.0.0.1/udp/4801'] }, 'bad-address'],
  [{ bootstrap: ['/ip4/127.0.0.1/tcp/4801'] }, 'bad-address'],
  [{ bootstrap: ['nonsense'] }, 'bad-address'],
  [{ listen: ['/ip4/203.0.113.1/tcp/4801'] }, 'address-refused'],
])('%o is refused as %s', async (options, code) => {
  const node = await createNode({ options })
  await expect(node.network.start()).rejects.toMatchObject({ name: 'NetworkError', code })
})

test('an address where nobody is, is said in one line', async () => {
  const node = await startNode()
  await expect(node.network.dial('/ip4/127.0.0.1/tcp/1')).rejects.toMatchObject({
    code: 'dial-failed',
  })
  await expect(node.network.dial('nowhere')).rejects.toMatchObject({ code: 'bad-address' })
})

test('a node stops at once though peers are connected and syncing, and starts no second time', async () => {
  const hub = await startNode()
  const other = await startNode({ options: { bootstrap: [hub.address()] } })
  await waitFor('they are connected', () => hub.network.peers().length === 1)
  await Promise.all([hub.network.stop(), hub.network.stop(), other.network.stop()])
  expect(hub.network.peers()).toEqual([])
})

test('a start that is aborted leaves nothing running', async () => {
  const node = await createNode()
  await expect(node.network.start(AbortSignal.abort())).rejects.toThrow()
  expect(node.network.peers()).toEqual([])
})
