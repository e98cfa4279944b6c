/**
 * Who may connect. Some slots are left to this node's own dials, public networks get a few slots
 * each, and peers that were shut out stay out: an attacker needs many networks, and still does not
 * fill all the slots.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { ConnectionGater } from '@libp2p/interface'
import { isRelayed } from './addresses.ts'
import { MAX_INBOUND_CONNECTIONS, MAX_INBOUND_PER_SUBNET, MAX_RELAYED_PER_RELAY } from './limits.ts'
import type { PeerMemory } from './peer-memory.ts'

/** An open connection, as far as the gate cares. */
export interface GatedConnection {
  readonly direction: 'inbound' | 'outbound'
  readonly remoteAddr: { toString(): string }
}

/** Addresses that nobody can collect from afar. */
const PRIVATE = new BlockList()
PRIVATE.addSubnet('127.0.0.0', 8)
PRIVATE.addSubnet('10.0.0.0', 8)
PRIVATE.addSubnet('172.16.0.0', 12)
PRIVATE.addSubnet('192.168.0.0', 16)
PRIVATE.addSubnet('169.254.0.0', 16)
PRIVATE.addAddress('::1', 'ipv6')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')

/** The public /24 or /48 of a multiaddr; undefined for private addresses and those without an IP. */
export function publicSubnet(multiaddr: string): string | undefined {
  const [, protocol, host = ''] = multiaddr.split('/')
  if (protocol === 'ip4' && isIPv4(host)) {
    return PRIVATE.check(host) ? undefined : `${host.split('.').slice(0, 3).join('.')}.0/24`
  }
  if (protocol === 'ip6' && isIPv6(host)) {
    return PRIVATE.check(host, 'ipv6')
      ? undefined
      : `${expandIPv6(host).slice(0, 3).join(':')}::/48`
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

export function admitsInbound(address: string, open: readonly GatedConnection[]): boolean {
  const inbound = open.filter((connection) => connection.direction === 'inbound')
  if (inbound.length >= MAX_INBOUND_CONNECTIONS) return false
  const subnet = publicSubnet(address)
  if (subnet === undefined) return true
  const same = inbound.filter((each) => publicSubnet(each.remoteAddr.toString()) === subnet)
  return same.length < MAX_INBOUND_PER_SUBNET
}

/** Peers that `relay` brings, in either direction. */
export function admitsRelayed(relay: string, open: readonly GatedConnection[]): boolean {
  const brought = open.filter(({ remoteAddr }) => {
    const address = remoteAddr.toString()
    return isRelayed(address) && address.includes(`/p2p/${relay}/p2p-circuit`)
  })
  return brought.length < MAX_RELAYED_PER_RELAY
}

export function createConnectionGate(
  memory: PeerMemory,
  open: () => readonly GatedConnection[],
): ConnectionGater {
  return {
    denyInboundConnection: (connection) => !admitsInbound(connection.remoteAddr.toString(), open()),
    denyInboundEncryptedConnection: (peer) => memory.isBanned(peer.toString()),
    denyDialPeer: (peer) => memory.isBanned(peer.toString()),
    denyInboundRelayedConnection: (relay, peer) =>
      memory.isBanned(peer.toString()) || !admitsRelayed(relay.toString(), open()),
    // As a relay: nobody who was shut out is kept reachable, or brought to others.
    denyInboundRelayReservation: (peer) => memory.isBanned(peer.toString()),
    denyOutboundRelayedConnection: (from, to) =>
      memory.isBanned(from.toString()) || memory.isBanned(to.toString()),
  }
}
