/**
 * Whom to ask: peers of different networks first, since one owner has many addresses of one network
 * and few of several. Private addresses are each a network of their own. Where there are too few
 * networks, others make up the number.
 */
import { publicNetwork } from '../subnets.ts'

export function spreadOverNetworks(
  peers: readonly string[],
  addressOf: (peer: string) => string | undefined,
  count: number,
): string[] {
  const networks = new Set<string>()
  const first: string[] = []
  const rest: string[] = []
  for (const peer of peers) {
    const network = publicNetwork(addressOf(peer) ?? '') ?? peer
    if (networks.has(network)) {
      rest.push(peer)
    } else {
      networks.add(network)
      first.push(peer)
    }
  }
  return [...first, ...rest].slice(0, count)
}
