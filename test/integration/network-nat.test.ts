/** Nodes behind home routers: real processes, in network namespaces, behind real NAT. */
import { expect, test } from 'vitest'
import { createInternet, type Machine } from '../support/network-namespaces.ts'
import { startNodeProcess, type NodeProcess } from '../support/node-process.ts'
import { waitFor } from '../support/wait-for.ts'
import type { NetworkOptions } from '../../node/network/network.ts'

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
