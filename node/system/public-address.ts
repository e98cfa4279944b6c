/**
 * Which network addresses a name from a stranger may lead to.
 *
 * A repository or registry address that resolves into a private network would turn the node into
 * a probe of that network (node/README.md T20). Names are resolved first and every address is
 * checked; the caller then connects to these addresses and to no others.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** IPv4 that is not public: RFC 6890 and its successors in the IANA special-purpose registry. */
const NOT_PUBLIC_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Within global unicast, what still leads inside: Teredo and other protocol space, documentation, 6to4. */
const NOT_PUBLIC_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const notPublic = new BlockList()
for (const [net, bits] of NOT_PUBLIC_IPV4) notPublic.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of NOT_PUBLIC_IPV6) notPublic.addSubnet(net, bits, 'ipv6')

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an IP address is one that anybody on the Internet could be meant by. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address, 'ipv4')
  // IPv4-mapped and other embeddings lie outside 2000::/3 and are refused with the rest.
  return family === 6 && globalUnicast.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

export function isLoopbackAddress(address: string): boolean {
  const family = isIP(address)
  // Node reads ::ffff:127.0.0.1 as 127.0.0.1 in IPv4 rules; only the plain forms are meant.
  if (family === 6) return loopback.check(address, 'ipv6') && !address.includes('.')
  return family === 4 && loopback.check(address, 'ipv4')
}

/** `host` as a URL has it, IPv6 in brackets or not. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
}

/** Whether a host is loopback by its own spelling; a name that merely resolves to it is not. */
export function isLoopbackHost(host: string): boolean {
  const name = bare(host)
  return name === 'localhost' || isLoopbackAddress(name)
}

/** All addresses of `host`. Rejects where it has none. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const name = bare(host)
  if (isIP(name) !== 0) return [name]
  return (await lookup(name, { all: true, order: 'verbatim' })).map(({ address }) => address)
}
