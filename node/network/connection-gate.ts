/**
 * Who may connect, and whom this node dials. Some slots are left to its own dials, public networks
 * get a few slots each and are dialled once each, and peers that were shut out stay out: an attacker
 * needs many networks, and still does not fill all the slots.
 */
import type { ConnectionGater } from '@libp2p/interface'
import { isRelayed } from './addresses.ts'
import { MAX_INBOUND_CONNECTIONS, MAX_INBOUND_PER_SUBNET, MAX_RELAYED_PER_RELAY } from './limits.ts'
import type { PeerMemory } from './peer-memory.ts'
import { publicNetwork, publicSubnet } from './subnets.ts'

/** An open connection, as far as the gate cares. */
export interface GatedConnection {
  readonly direction: 'inbound' | 'outbound'
  readonly remoteAddr: { toString(): string }
  readonly remotePeer: { toString(): string }
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

/**
 * Whether this node may dial an address. One /16 is dialled once, so that whoever has many addresses
 * of a few providers gets a few of our slots. A name could lead anywhere, so names are for the
 * peers that the user configured, whom this does not bind.
 */
export function admitsDial(address: string, open: readonly GatedConnection[]): boolean {
  if (isRelayed(address)) {
    const relay = /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1]
    return relay !== undefined && admitsRelayed(relay, open)
  }
  if (address.startsWith('/dns')) return false
  const network = publicNetwork(address)
  if (network === undefined) return true
  const peer = peerOf(address)
  return open.every(
    ({ direction, remoteAddr, remotePeer }) =>
      direction === 'inbound' ||
      isRelayed(remoteAddr.toString()) ||
      remotePeer.toString() === peer ||
      publicNetwork(remoteAddr.toString()) !== network,
  )
}

/** The peer that an address leads to. */
function peerOf(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1]
}

export function createConnectionGate(
  memory: PeerMemory,
  open: () => readonly GatedConnection[],
): ConnectionGater {
  return {
    denyInboundConnection: (connection) => !admitsInbound(connection.remoteAddr.toString(), open()),
    denyInboundEncryptedConnection: (peer) => memory.isBanned(peer.toString()),
    denyDialPeer: (peer) => memory.isBanned(peer.toString()),
    denyDialMultiaddr: (multiaddr) => {
      const address = multiaddr.toString()
      const peer = peerOf(address)
      if (peer !== undefined && memory.isConfigured(peer)) return false
      return !admitsDial(address, open())
    },
    denyInboundRelayedConnection: (relay, peer) =>
      memory.isBanned(peer.toString()) || !admitsRelayed(relay.toString(), open()),
    // As a relay: nobody who was shut out is kept reachable, or brought to others.
    denyInboundRelayReservation: (peer) => memory.isBanned(peer.toString()),
    denyOutboundRelayedConnection: (from, to) =>
      memory.isBanned(from.toString()) || memory.isBanned(to.toString()),
  }
}
