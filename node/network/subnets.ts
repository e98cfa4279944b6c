/**
 * Networks of addresses: an attacker collects addresses cheaply within one network, and dearly over
 * many. Private addresses are in none, since nobody collects them from afar.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

const PRIVATE = new BlockList()
PRIVATE.addSubnet('127.0.0.0', 8)
PRIVATE.addSubnet('10.0.0.0', 8)
PRIVATE.addSubnet('172.16.0.0', 12)
PRIVATE.addSubnet('192.168.0.0', 16)
PRIVATE.addSubnet('169.254.0.0', 16)
PRIVATE.addAddress('::1', 'ipv6')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')

/** The public /24 or /48 of a multiaddr, what one owner has; undefined for private addresses and those without an IP. */
export function publicSubnet(multiaddr: string): string | undefined {
  return subnet(multiaddr, 3, 3)
}

/** The public /16 or /32 of a multiaddr, about what one provider has. */
export function publicNetwork(multiaddr: string): string | undefined {
  return subnet(multiaddr, 2, 2)
}

function subnet(multiaddr: string, bytes: number, groups: number): string | undefined {
  const [, protocol, host = ''] = multiaddr.split('/')
  if (protocol === 'ip4' && isIPv4(host)) {
    const zeros = '.0'.repeat(4 - bytes)
    const network = `${host.split('.').slice(0, bytes).join('.')}${zeros}/${bytes * 8}`
    return PRIVATE.check(host) ? undefined : network
  }
  if (protocol === 'ip6' && isIPv6(host)) {
    const network = `${expandIPv6(host).slice(0, groups).join(':')}::/${groups * 16}`
    return PRIVATE.check(host, 'ipv6') ? undefined : network
  }
  return undefined
}

/** The eight groups, without leading zeros. An embedded IPv4 address counts as its first group. */
function expandIPv6(host: string): string[] {
  const [head = '', tail] = host.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const left = groups(head)
  const right = groups(tail ?? '')
  const gap = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...gap, ...right].map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
}
