/** Nodes behind home routers: real processes, in network namespaces, behind real NAT. */
import { expect, test as anyTest } from 'vitest'
import { createInternet, type Machine } from '../support/network-namespaces.ts'
import { startNodeProcess, type NodeProcess } from '../support/node-process.ts'
import { waitFor } from '../support/wait-for.ts'
import type { NetworkOptions } from '../../node/network/network.ts'

// Skipped where network namespaces cannot be made: only root may.
const test = anyTest.skipIf(process.getuid?.() !== 0)

const PORT = 4801

function startOn(
  machine: Machine,
  options: Partial<NetworkOptions> = {},
  folder?: string,
): Promise<NodeProcess> {
  return startNodeProcess({
    by: machine.by,
    options: { listen: [`/ip4/0.0.0.0/tcp/${PORT}`], redialIntervalMs: 500, ...options },
    ...(folder === undefined ? {} : { folder }),
  })
}

function relayOn(machine: Machine, options: Partial<NetworkOptions> = {}): Promise<NodeProcess> {
  return startOn(machine, {
    relay: true,
    announce: [`/ip4/${machine.address}/tcp/${PORT}`],
    ...options,
  })
}

/** The address of a node that leads through its relay, once it has one. */
function relayedAddress(node: NodeProcess): Promise<string> {
  return waitFor('a relay keeps a place for it', async () =>
    (await node.addresses()).find((address) => address.includes('/p2p-circuit')),
  )
}

async function peerIdOf(node: NodeProcess): Promise<string> {
  return /\/p2p\/([^/]+)$/.exec((await node.addresses())[0] ?? '')![1]!
}

test('two nodes behind two routers exchange statements through a relay that knows nothing of them', async () => {
  const internet = await createInternet()
  // The relay is of another network, so that no statement can come by it but through a relayed connection.
  const relay = await relayOn(await internet.addMachine('45.1.0.1'), { network: 'elsewhere' })
  const [relayAddress = ''] = await relay.addresses()
  const homeA = await internet.addHome('46.1.0.1', '192.168.1')
  const homeB = await internet.addHome('47.1.0.1', '192.168.1')
  const alice = await startOn(homeA, { bootstrap: [relayAddress] })
  const bob = await startOn(homeB, { bootstrap: [relayAddress, await relayedAddress(alice)] })
  const aliceId = await peerIdOf(alice)
  const bobId = await peerIdOf(bob)
  const toAlice = await waitFor('bob is connected to alice', async () =>
    (await bob.peers()).find(({ peerId }) => peerId === aliceId),
  )
  expect(toAlice.addresses.every((address) => address.includes('/p2p-circuit'))).toBe(true)

  const fromAlice = await alice.publish('1.0.0')
  const fromBob = await bob.publish('2.0.0')
  expect(await bob.received(fromAlice)).toMatchObject({ origin: { via: 'gossip', peer: aliceId } })
  expect(await alice.received(fromBob)).toMatchObject({ origin: { via: 'gossip', peer: bobId } })
})

test('nodes that know only the bootstrap node find one another through it, whatever router they are behind', async () => {
  const internet = await createInternet()
  const hub = await relayOn(await internet.addMachine('45.1.0.1'), { peerExchange: true })
  const bootstrap = await hub.addresses()
  const alice = await startOn(await internet.addHome('46.1.0.1', '192.168.1'), { bootstrap })
  await relayedAddress(alice)
  const bob = await startOn(await internet.addHome('47.1.0.1', '192.168.1'), { bootstrap })
  const aliceId = await peerIdOf(alice)
  await waitFor('bob has found alice', async () =>
    (await bob.peers()).some(({ peerId }) => peerId === aliceId),
  )
  // What neither gossip nor the hub has, sync fetches through the relay.
  const sid = await alice.put('1.0.0')
  await bob.sync()
  expect(await bob.received(sid)).toMatchObject({ origin: { via: 'sync' } })
})

test('a relayed connection gives way to a direct one where one side can be dialled', async () => {
  const internet = await createInternet()
  const relay = await relayOn(await internet.addMachine('45.1.0.1'), { network: 'elsewhere' })
  const [relayAddress = ''] = await relay.addresses()
  const alice = await startOn(await internet.addHome('46.1.0.1', '192.168.1'), {
    bootstrap: [relayAddress],
  })
  const server = await internet.addMachine('47.1.0.1')
  const bob = await startOn(server, {
    announce: [`/ip4/${server.address}/tcp/${PORT}`],
    bootstrap: [await relayedAddress(alice)],
  })
  const aliceId = await peerIdOf(alice)
  await waitFor('alice has dialled bob', async () =>
    (await bob.peers()).some(
      ({ peerId, addresses }) =>
        peerId === aliceId && addresses.every((address) => address.startsWith('/ip4/46.1.0.1/')),
    ),
  )
  await relay.stop()
  const fromAlice = await alice.publish('1.0.0')
  const fromBob = await bob.publish('2.0.0')
  expect(await bob.received(fromAlice)).toMatchObject({ origin: { via: 'gossip' } })
  expect(await alice.received(fromBob)).toMatchObject({ origin: { via: 'gossip' } })
})

test('a node learns from those who dial it back which of its addresses are open', async () => {
  const internet = await createInternet()
  const hub = await relayOn(await internet.addMachine('45.1.0.1'))
  // It has a public address, and nobody has told it so.
  const server = await internet.addMachine('46.1.0.1')
  const node = await startOn(server, { bootstrap: await hub.addresses() })
  await waitFor('the address is known to be open', async () =>
    (await node.addresses()).some((address) => address.startsWith('/ip4/46.1.0.1/')),
  )
  // Trying it has not cost the connection by which it was asked.
  expect(await node.peers()).toHaveLength(1)
})

test('an attacker with many addresses in one network gets one of the peers that a node dials', async () => {
  const internet = await createInternet()
  const startAt = async (address: string, options: Partial<NetworkOptions>): Promise<NodeProcess> =>
    startOn(await internet.addMachine(address), {
      announce: [`/ip4/${address}/tcp/${PORT}`],
      ...options,
    })
  const hub = await startAt('45.1.0.1', { peerExchange: true })
  const bootstrap = await hub.addresses()
  const known = ['46.1.0.1', '46.1.1.1', '46.1.2.1', '47.1.0.1', '48.1.0.1']
  await Promise.all(known.map((address) => startAt(address, { bootstrap })))
  await waitFor('the hub knows them all', async () => (await hub.peers()).length === known.length)

  const victim = await startAt('49.1.0.1', { bootstrap })
  const dialled = async (): Promise<string[]> =>
    (await victim.peers())
      .filter(({ direction }) => direction === 'outbound')
      .map(({ addresses }) => /^\/ip4\/([0-9]+)\./.exec(addresses[0] ?? '')?.[1] ?? '')
      .sort()
  await waitFor('it has dialled every network', async () => new Set(await dialled()).size === 4)
  expect(await dialled()).toEqual(['45', '46', '47', '48'])
})

test('nodes of one local network find one another by mDNS, and nobody has to be configured', async () => {
  const internet = await createInternet()
  // Only private addresses are told of in a local network.
  const alice = await startOn(await internet.addMachine('10.5.0.1'), { mdns: true })
  const bob = await startOn(await internet.addMachine('10.5.0.2'), { mdns: true })
  const bobId = await peerIdOf(bob)
  await waitFor('they have met', async () =>
    (await alice.peers()).some(({ peerId }) => peerId === bobId),
  )
  expect(await bob.received(await alice.publish('1.0.0'))).toBeDefined()
})
