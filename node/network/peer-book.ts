/**
 * The connected peers: who they are, since when, and whether they take part.
 *
 * A peer that sends an RPC over the limit, or does not read, is dropped by gossipsub while its
 * connection stays open: deaf, but filling a slot. Such a one is disconnected here, so that it can
 * come back whole, or somebody else can.
 */
import type { Connection, IdentifyResult, PeerId } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import { unixSeconds } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Host } from './host.ts'
import { MAX_GOSSIP_ABSENCE_HEARTBEATS } from './limits.ts'
import type { PeerMemory } from './peer-memory.ts'
import type { Topic } from './topics.ts'

/** A peer as people see it. */
export interface ConnectedPeer {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly direction: 'inbound' | 'outbound'
  /** What it says it is; null until it has said so. */
  readonly agent: string | null
  readonly score: number
  /** Seconds since 1970. */
  readonly connectedSince: number
}

export interface PeerEvent {
  readonly peerId: string
  readonly state: 'connected' | 'disconnected'
}

export type PeerListener = (event: PeerEvent) => void

export interface PeerBookComponents {
  readonly host: Host
  readonly clock: Clock
  readonly memory: PeerMemory
  readonly logger: Logger
}

interface Entry {
  readonly since: number
  agent: string | null
  /** Whether it said that it speaks gossip. */
  gossips: boolean
  /** Heartbeats since it spoke gossip last. */
  absent: number
}

export class PeerBook {
  readonly #components: PeerBookComponents
  readonly #listeners: ReadonlySet<PeerListener>
  readonly #entries = new Map<string, Entry>()

  constructor(components: PeerBookComponents, listeners: ReadonlySet<PeerListener>) {
    this.#components = components
    this.#listeners = listeners
  }

  start(): void {
    const { host } = this.#components
    host.addEventListener('peer:connect', this.#onConnect)
    host.addEventListener('peer:disconnect', this.#onDisconnect)
    host.addEventListener('peer:identify', this.#onIdentify)
    host.services.pubsub.addEventListener('gossipsub:heartbeat', this.#onHeartbeat)
  }

  stop(): void {
    const { host } = this.#components
    host.removeEventListener('peer:connect', this.#onConnect)
    host.removeEventListener('peer:disconnect', this.#onDisconnect)
    host.removeEventListener('peer:identify', this.#onIdentify)
    host.services.pubsub.removeEventListener('gossipsub:heartbeat', this.#onHeartbeat)
    for (const peerId of this.#entries.keys()) this.#emit({ peerId, state: 'disconnected' })
    this.#entries.clear()
  }

  peers(): ConnectedPeer[] {
    const { host } = this.#components
    return [...this.#entries].flatMap(([peerId, entry]): ConnectedPeer[] => {
      const connections = host
        .getConnections()
        .filter((connection) => connection.remotePeer.toString() === peerId)
      const [first] = connections
      if (first === undefined) return []
      return [
        {
          peerId,
          addresses: connections.map((connection) => connection.remoteAddr.toString()),
          direction: first.direction,
          agent: entry.agent,
          score: scoreOf(host, peerId),
          connectedSince: entry.since,
        },
      ]
    })
  }

  /** How many peers forward to this node, and it to them, on every one of the topics. */
  gossiping(topics: readonly Topic[]): number {
    const router = this.#components.host.services.pubsub as Partial<{
      getMeshPeers(topic: string): readonly string[]
    }>
    const meshes = topics.map((topic) => new Set(router.getMeshPeers?.(topic.name)))
    return [...this.#entries.keys()].filter((peer) => meshes.every((mesh) => mesh.has(peer))).length
  }

  readonly #onConnect = (event: CustomEvent<PeerId>): void => {
    const peerId = event.detail.toString()
    const since = unixSeconds(this.#components.clock)
    this.#entries.set(peerId, { since, agent: null, gossips: false, absent: 0 })
    this.#emit({ peerId, state: 'connected' })
  }

  readonly #onDisconnect = (event: CustomEvent<PeerId>): void => {
    const peerId = event.detail.toString()
    this.#components.memory.disconnected(peerId)
    if (this.#entries.delete(peerId)) this.#emit({ peerId, state: 'disconnected' })
  }

  readonly #onIdentify = (event: CustomEvent<IdentifyResult>): void => {
    const { peerId, agentVersion, protocols } = event.detail
    const entry = this.#entries.get(peerId.toString())
    if (entry === undefined) return
    entry.agent = agentVersion ?? null
    entry.gossips = protocols.some((protocol) => protocol.startsWith('/meshsub/'))
  }

  readonly #onHeartbeat = (): void => {
    const { host, logger } = this.#components
    const present = new Set(host.services.pubsub.getPeers().map((peer) => peer.toString()))
    for (const [peerId, entry] of this.#entries) {
      entry.absent = present.has(peerId) || !entry.gossips ? 0 : entry.absent + 1
      if (present.has(peerId)) this.#mendGossip(peerId)
      if (entry.absent < MAX_GOSSIP_ABSENCE_HEARTBEATS) continue
      entry.absent = 0
      logger.warn({ peer: peerId }, 'a peer has left gossip and is disconnected')
      for (const connection of host.getConnections()) {
        if (connection.remotePeer.toString() !== peerId) continue
        connection.close().catch((error: unknown) => connection.abort(error as Error))
      }
    }
  }

  /**
   * gossipsub speaks to a peer on the first connection to it. When that was a relayed one, which
   * ends as soon as there is a direct one, it would never speak to that peer again.
   */
  #mendGossip(peerId: string): void {
    const { host } = this.#components
    const router = host.services.pubsub as unknown as Partial<{
      streamsOutbound: ReadonlyMap<string, unknown>
      onPeerConnected(peer: PeerId, connection: Connection): void
    }>
    if (router.streamsOutbound?.has(peerId) !== false) return
    const connection = host
      .getConnections()
      .find((each) => each.status === 'open' && each.remotePeer.toString() === peerId)
    if (connection !== undefined) router.onPeerConnected?.(connection.remotePeer, connection)
  }

  #emit(event: PeerEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

/** gossipsub's score, rounded: people compare it with the thresholds, and it always moves a little. */
function scoreOf(host: Host, peer: string): number {
  const router = host.services.pubsub as Partial<{ getScore(peer: string): number }>
  return Math.round((router.getScore?.(peer) ?? 0) * 100) / 100
}
