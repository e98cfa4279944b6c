/**
 * What may be set about a node's network. The only place where a default stands.
 *
 * What must not be set lies in limits.ts: a limit that a user can lift by mistake is none.
 */

export interface NetworkOptions {
  /** Name of the network; nodes of different networks never exchange anything. */
  readonly network: string
  /** Multiaddrs to listen on; empty for a node that only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell others instead of those that this machine sees, behind a router for example. */
  readonly announce: readonly string[]
  /** Multiaddrs with peer id of nodes to find others through; kept connected, and trusted a little more. */
  readonly bootstrap: readonly string[]
  /** Finds nodes in the local network, and is found by them. */
  readonly mdns: boolean
  /** Tells pruned peers of others: for bootstrap nodes only, since it says who is connected to whom. */
  readonly peerExchange: boolean
  /** Lets peers behind routers be reached through this node: for nodes that everybody can dial. */
  readonly relay: boolean
  /** Asks the router of this network to forward the port. */
  readonly upnp: boolean
  /** File of the key of a private network: only nodes that have it too can connect. */
  readonly networkKeyFile?: string
  /** What this node says it is, such as `rebuildnet/0.1.0`. */
  readonly agent: string
  /** Milliseconds between two rounds of sync. */
  readonly syncIntervalMs: number
  /** Milliseconds after which a new peer is asked a second time, when gossip with it has settled. */
  readonly settleMs: number
  /** Peers asked in one round of sync. */
  readonly syncPeers: number
  /** Milliseconds between attempts to reach a configured peer that is not connected. */
  readonly redialIntervalMs: number
  /** Milliseconds without a whole frame after which an exchange of sync, or of trees, is given up. */
  readonly syncStallMs: number
  readonly treeStallMs: number
  /** Milliseconds in which heads that show a gap are gathered before their leaves are asked for. */
  readonly gapDelayMs: number
}

export const defaultNetworkOptions: NetworkOptions = Object.freeze({
  network: 'main',
  listen: Object.freeze(['/ip4/0.0.0.0/tcp/4801']),
  announce: Object.freeze([]),
  bootstrap: Object.freeze([]),
  mdns: true,
  peerExchange: false,
  relay: false,
  upnp: true,
  agent: 'rebuildnet',
  syncIntervalMs: 600_000,
  settleMs: 5000,
  syncPeers: 3,
  redialIntervalMs: 10_000,
  syncStallMs: 30_000,
  treeStallMs: 30_000,
  gapDelayMs: 500,
})
