import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { timeWords } from '../terminal/words.ts'

export function define(command: Command, bind: Bind): void {
  command.description('Nodes that this one is connected to.')
  addExamples(command, ['peers', 'peers --json'])
  bind(command, async ({ context }) => {
    const { out } = context
    const { running, peers } = await context.withNode(async ({ client, running }) => ({
      running,
      peers: await client.peers(),
    }))
    if (out.json) out.value(peers)
    else if (peers.length === 0) {
      out.note(running ? 'no peers yet' : 'no peers: no node is running')
    } else {
      out.table(
        ['peer', 'direction', 'score', 'since', 'agent', 'addresses'],
        peers.map((peer) => [
          peer.peerId,
          peer.addresses.every(isRelayed) ? `${peer.direction}, relayed` : peer.direction,
          peer.score.toFixed(1),
          timeWords(peer.connectedSince),
          peer.agent ?? '-',
          peer.addresses.join(' '),
        ]),
      )
    }
    return EXIT.yes
  })
}

/** Whether the peer is reached through another one. */
function isRelayed(address: string): boolean {
  return address.includes('/p2p-circuit')
}
