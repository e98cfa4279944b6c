/**
 * Which network addresses a name from a stranger may lead to.
 *
 * A repository or registry address that resolves into a private network would turn the node into
 * a probe of that network (node/README.md T20). Names are resolved first and every address is
 * checked; the caller then connects to these addresses and to no others.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv6 } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6')
}

/** `host` as a URL has it, IPv6 in brackets or not. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
}

/** True for `localhost` and literal loopback addresses; a name that merely resolves to one is not. */
export function isLoopbackHost(host: string): boolean {
  const name = bare(host)
  if (isIP(name) === 0) return name === 'localhost' || name.endsWith('.localhost')
  return LOOPBACK.check(name, isIPv6(name) ? 'ipv6' : 'ipv4')
}

/** False for loopback, private, link-local, multicast and translated ranges. IPv4-mapped ones count as IPv4. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  return !PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** All addresses of `host`. Rejects where it has none. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const name = bare(host)
  if (isIP(name) !== 0) return [name]
  return (await lookup(name, { all: true, order: 'verbatim' })).map(({ address }) => address)
}
