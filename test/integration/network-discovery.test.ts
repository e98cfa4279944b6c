/** How nodes find one another: from DNS, from a bootstrap node, from before; and who stays out. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createNetworkKey } from '../../node/network/network-key.ts'
import type { Network } from '../../node/network/network.ts'
import { startDnsServer } from '../support/dns-server.ts'
import { createNode, startNode, WANTS_NOTHING } from '../support/network.ts'
import { makeRelease } from '../support/statements.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

function knows(network: Network, other: Network): boolean {
  return network.peers().some(({ peerId }) => peerId === other.peerId)
}

test('a bootstrap node tells those who ask of one another', async () => {
  const hub = await startNode({ wants: WANTS_NOTHING, options: { peerExchange: true } })
  const options = { bootstrap: [hub.address()] }
  const one = await startNode({ options })
  await waitFor('it is known', () => hub.network.peers().some(({ agent }) => agent !== null))
  const two = await startNode({ options })
  await waitFor('they have met', () => knows(two.network, one.network))
  await waitFor('both know it', () => knows(one.network, two.network))
})

test('a node that is no bootstrap node tells nobody of its peers', async () => {
  const hub = await startNode({ wants: WANTS_NOTHING })
  const options = { bootstrap: [hub.address()] }
  const one = await startNode({ options })
  const two = await startNode({ options })
  await waitFor('gossip flows', () => hub.network.gossipingPeers === 2)
  const release = makeRelease()
  await one.publish(release)
  await waitFor('they are all at work', () => two.ledger.has(release.statement.sid))
  expect(knows(two.network, one.network)).toBe(false)
})

test('bootstrap nodes that DNS lists are found, and kept', async () => {
  const hub = await startNode()
  const name = '_dnsaddr.bootstrap.example'
  await startDnsServer({ [name]: [`dnsaddr=${hub.address()}`] })
  const node = await startNode({ options: { bootstrap: ['/dnsaddr/bootstrap.example'] } })
  await waitFor('they have met', () => knows(node.network, hub.network))
  await waitFor('it counts as configured', () => node.network.peers()[0]!.score >= 100)
})

test('a node that comes back dials whom it dialled before, and nobody has to be configured', async () => {
  const folder = await temporaryFolder()
  const friend = await startNode()
  const before = await startNode({ folder })
  await before.network.dial(friend.address())
  expect(before.network.rememberedPeers).toBe(0)
  await before.network.stop()
  await waitFor('it has gone', () => friend.network.peers().length === 0)

  const after = await startNode({ folder })
  expect(after.network.rememberedPeers).toBe(1)
  await waitFor('they have met again', () => knows(after.network, friend.network))
})

test('whoever connected to us is not remembered: an attacker would be', async () => {
  const folder = await temporaryFolder()
  const node = await startNode({ folder })
  const stranger = await startNode()
  await stranger.network.dial(node.address())
  await waitFor('it is here', () => knows(node.network, stranger.network))
  await node.network.stop()
  await expect(readFile(join(folder, 'anchors.json'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a damaged memory of peers costs nothing but the memory', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'anchors.json'), '{"format":1,"peers":[["/ip4/')
  const node = await startNode({ folder })
  expect(node.network.rememberedPeers).toBe(0)
})

test('a private network is closed to whoever has another key, or none', async () => {
  const folder = await temporaryFolder()
  const key = join(folder, 'ours.key')
  const other = join(folder, 'theirs.key')
  await createNetworkKey(key)
  await createNetworkKey(other)
  const hub = await startNode({ options: { networkKeyFile: key } })
  const member = await startNode({ options: { networkKeyFile: key, bootstrap: [hub.address()] } })
  await waitFor('the member is in', () => knows(hub.network, member.network))
  const release = makeRelease()
  await waitFor('gossip flows', () => hub.network.gossipingPeers === 1)
  await member.publish(release)
  await waitFor('the release comes', () => hub.ledger.has(release.statement.sid))

  const outsiders = [await startNode({ options: { networkKeyFile: other } }), await startNode()]
  for (const outsider of outsiders) {
    await expect(outsider.network.dial(hub.address())).rejects.toMatchObject({
      code: 'dial-failed',
    })
  }
  expect(hub.network.peers()).toHaveLength(1)
})

test('a node does not start without the key that its configuration names', async () => {
  const networkKeyFile = join(await temporaryFolder(), 'absent.key')
  const node = await createNode({ options: { networkKeyFile } })
  await expect(node.network.start()).rejects.toMatchObject({ code: 'network-key' })
})
