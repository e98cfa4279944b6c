/** How nodes find one another: from a list, from DNS, from a bootstrap node, from before. */
import { expect, test } from 'vitest'
import type { Network } from '../../node/network/network.ts'
import { startNode, WANTS_NOTHING } from '../support/network.ts'
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
  expect(knows(one.network, two.network)).toBe(true)
})
