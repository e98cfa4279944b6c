/**
 * Dials enough peers that no one could be all of them: the ones remembered from before first, then
 * others that are known, from networks that none of ours is in (connection-gate.ts), until eight
 * are reached that need no relay. Who could not be reached is left alone for a while.
 *
 * Configured peers are the redialer's; they count, too.
 */
import type { Connection, IdentifyResult, Peer, PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { isRelayed } from './addresses.ts'
import type { Anchors } from './anchors.ts'
import { admitsDial } from './connection-gate.ts'
import type { Host } from './host.ts'
import {
  ANCHOR_INTERVAL_MS,
  DIAL_BACKOFF_MS,
  MAX_ANCHORS,
  MAX_CONNECTIONS,
  MAX_DIAL_BACKOFF_MS,
  TARGET_OUTBOUND,
} from './limits.ts'
import type { PeerExchange } from './peer-exchange.ts'
import type { PeerMemory } from './peer-memory.ts'
import { publicNetwork } from './subnets.ts'

/** Beyond this a node has peers enough, and leaves its slots to others. */
const MAX_NEIGHBOURS = MAX_CONNECTIONS / 2
/** Peers of whom it is remembered that they could not be reached. */
const MAX_BACKOFFS = 4096

/** Calls those who want to know when a peer shows itself in the local network. */
export type Neighbours = Set<(peer: PeerInfo) => void>

export interface OutboundPeersComponents {
  readonly neighbours: Neighbours
  readonly host: Host
  readonly clock: Clock
  readonly logger: Logger
  readonly memory: PeerMemory
  readonly anchors: Anchors
  readonly exchange: PeerExchange
}

interface Backoff {
  readonly until: number
  readonly ms: number
  /** Where it was not reached; elsewhere it may be. */
  readonly addresses: string
}

export class OutboundPeers {
  readonly #components: OutboundPeersComponents
  readonly #intervalMs: number
  readonly #stopping = new AbortController()
  readonly #backoffs = new Map<string, Backoff>()
  readonly #timers: NodeJS.Timeout[] = []
  #filling = false
  #remembered = 0

  constructor(components: OutboundPeersComponents, options: { readonly redialIntervalMs: number }) {
    this.#components = components
    this.#intervalMs = options.redialIntervalMs
  }

  /** How many peers were remembered at the start. */
  get remembered(): number {
    return this.#remembered
  }

  /** Dials the remembered peers; others only when they have been tried. */
  async start(): Promise<void> {
    const { host, anchors } = this.#components
    const remembered = await anchors.load()
    this.#remembered = remembered.length
    const tried = Promise.all(remembered.map((addresses) => this.#dial(addresses)))
    this.#components.neighbours.add(this.#onNeighbour)
    host.addEventListener('peer:identify', this.#onIdentify)
    this.#timers.push(setInterval(() => void this.#fill(), this.#intervalMs))
    this.#timers.push(setInterval(() => void this.#remember(), ANCHOR_INTERVAL_MS))
    void tried.then(() => this.#fill())
  }

  async stop(): Promise<void> {
    const { host } = this.#components
    this.#components.neighbours.delete(this.#onNeighbour)
    host.removeEventListener('peer:identify', this.#onIdentify)
    for (const timer of this.#timers) clearInterval(timer)
    this.#stopping.abort()
    await this.#remember()
  }

  async #remember(): Promise<void> {
    const { host, memory, anchors } = this.#components
    const oldest = outbound(host)
      .filter(({ remotePeer }) => !memory.isConfigured(remotePeer.toString()))
      .sort((a, b) => a.timeline.open - b.timeline.open)
      .slice(0, MAX_ANCHORS)
    await anchors.save(oldest.map(({ remoteAddr }) => [remoteAddr.toString()]))
  }

  async #fill(): Promise<void> {
    if (this.#filling || this.#stopping.signal.aborted) return
    this.#filling = true
    try {
      const missing = TARGET_OUTBOUND - outbound(this.#components.host).length
      if (missing <= 0) return
      await this.#components.exchange.askConfigured(this.#stopping.signal)
      const chosen = await this.#choose(missing)
      await Promise.all(chosen.map((addresses) => this.#dial(addresses)))
    } catch (error) {
      if (this.#stopping.signal.aborted as boolean) return
      this.#components.logger.warn({ err: error }, 'peers could not be looked for')
    } finally {
      this.#filling = false
    }
  }

  /** Addresses of up to `count` known peers, each from another network; relayed ones only where no others are left. */
  async #choose(count: number): Promise<Multiaddr[][]> {
    const { host } = this.#components
    const self = host.peerId.toString()
    const open = host.getConnections()
    const connected = new Set(open.map(({ remotePeer }) => remotePeer.toString()))
    const known = await host.peerStore.all({
      filters: [(peer) => this.#isCandidate(peer, connected)],
    })
    // A private address that a stranger tells of is one of this node's own network.
    const inside = open.every(
      ({ remoteAddr }) => publicNetwork(remoteAddr.toString()) === undefined,
    )
    const candidates = shuffled(known).map(({ id, addresses }) =>
      addresses
        .map(({ multiaddr }) => withPeer(multiaddr, id.toString()))
        .filter((address) => isWanted(address.toString(), inside))
        // Whom this node itself relays for is connected, or cannot be reached.
        .filter((address) => !address.toString().includes(`/p2p/${self}/p2p-circuit`))
        .filter((address) => admitsDial(address.toString(), open)),
    )
    const direct = candidates.map((each) => each.filter((a) => !isRelayed(a.toString())))
    const relayed = candidates.filter((_, i) => direct[i]?.length === 0)
    const chosen: Multiaddr[][] = []
    const networks = new Set<string>()
    for (const addresses of [...direct, ...relayed]) {
      const of = addresses.map((address) => publicNetwork(address.toString()))
      if (addresses.length === 0 || chosen.length === count) continue
      const isDirect = !isRelayed(addresses[0]?.toString() ?? '')
      if (isDirect && of.some((network) => network !== undefined && networks.has(network))) continue
      if (isDirect) for (const network of of) if (network !== undefined) networks.add(network)
      chosen.push(addresses)
    }
    return chosen
  }

  #isCandidate({ id, addresses }: Peer, connected: ReadonlySet<string>): boolean {
    const { host, memory, clock } = this.#components
    const peer = id.toString()
    if (addresses.length === 0 || connected.has(peer) || host.peerId.equals(id)) return false
    if (memory.isConfigured(peer) || memory.isBanned(peer)) return false
    const backoff = this.#backoffs.get(peer)
    const told = addresses.map(({ multiaddr }) => multiaddr.toString())
    return (
      backoff === undefined ||
      backoff.until <= clock.now() ||
      told.some((address) => isWanted(address, false) && !backoff.addresses.includes(address))
    )
  }

  /** A configured peer can be asked for others as soon as it is here. */
  readonly #onIdentify = (event: CustomEvent<IdentifyResult>): void => {
    if (this.#components.memory.isConfigured(event.detail.peerId.toString())) void this.#fill()
  }

  /** Whoever is in the local network is dialled though there are enough others: nobody is nearer. */
  readonly #onNeighbour = ({ id, multiaddrs }: PeerInfo): void => {
    const { host } = this.#components
    const connected = host.getPeers()
    if (connected.length >= MAX_NEIGHBOURS || connected.some((peer) => peer.equals(id))) return
    const near = multiaddrs
      .map((address) => withPeer(address, id.toString()))
      .filter((address) => isWanted(address.toString(), true))
    if (near.length > 0) void this.#dial(near)
  }

  async #dial(addresses: readonly Multiaddr[]): Promise<void> {
    const { host, clock, logger } = this.#components
    const peer = addresses[0]?.getComponents().findLast(({ name }) => name === 'p2p')?.value ?? ''
    try {
      await host.dial([...addresses], { signal: this.#stopping.signal })
      this.#backoffs.delete(peer)
    } catch (error) {
      const ms = Math.min(
        2 * (this.#backoffs.get(peer)?.ms ?? DIAL_BACKOFF_MS / 2),
        MAX_DIAL_BACKOFF_MS,
      )
      this.#backoffs.delete(peer)
      this.#backoffs.set(peer, { until: clock.now() + ms, ms, addresses: addresses.join(' ') })
      const [first] = this.#backoffs.keys()
      if (this.#backoffs.size > MAX_BACKOFFS && first !== undefined) this.#backoffs.delete(first)
      const reason = error instanceof Error ? error.message : 'unknown'
      logger.debug({ peer, reason }, 'could not reach a peer')
    }
  }
}

/** Peers that this node dialled without a relay, each by its first connection. */
function outbound(host: Host): Connection[] {
  const peers = new Set<string>()
  return host
    .getConnections()
    .filter(
      ({ direction, remoteAddr }) => direction === 'outbound' && !isRelayed(remoteAddr.toString()),
    )
    .filter(
      ({ remotePeer }) => !peers.has(remotePeer.toString()) && peers.add(remotePeer.toString()),
    )
}

/** Whether an address that somebody told of is dialled; names are not, since they may lead anywhere. */
function isWanted(address: string, inside: boolean): boolean {
  if (!/^\/ip[46]\//.test(address)) return false
  return inside || publicNetwork(address) !== undefined
}

function withPeer(address: Multiaddr, peer: string): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' ? address : address.encapsulate(`/p2p/${peer}`)
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
