/**
 * The node's network: hears and publishes statements, and catches up with what it missed.
 *
 * Nothing here decides what is true or trusted: statements are verified, charged to budgets, and
 * handed to the node's admission. Loading this file is cheap; libp2p is loaded by `start`.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Admission, Prepare } from './admission.ts'
import { loadPeerSeed } from './identity.ts'
import { NetworkError } from './network-error.ts'
import { loadNetworkKey } from './network-key.ts'
import { defaultNetworkOptions, type NetworkOptions } from './options.ts'
import type { ConnectedPeer, PeerListener } from './peer-book.ts'
import type { Parts } from './running-parts.ts'
import type { SyncSummary } from './log-sync.ts'
import { Heads } from './sync/heads.ts'
import type { SyncStore } from './sync/sync-store.ts'
import type { TreeWalkSummary } from './tree-sync.ts'
import type { TreeWalk } from './trees/fetch.ts'
import type { TreeSource } from './trees/serve.ts'
import { createTopics, topicOf, type Topics } from './topics.ts'
import { encodeHeadMessage, encodeProofMessage } from './validation/head.ts'
import type { GossipCode } from './validation/outcome.ts'
import { admitParked, ParkingLot } from './validation/parking-lot.ts'
import { Quotas } from './validation/quotas.ts'
import { Validator } from './validation/validator.ts'

export { defaultNetworkOptions, type NetworkOptions } from './options.ts'
export type { ConnectedPeer, PeerEvent, PeerListener } from './peer-book.ts'
export type { SyncSummary } from './log-sync.ts'
export type { SyncStore } from './sync/sync-store.ts'

export interface NetworkComponents {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly admission: Admission
  /** Works ahead on statements that are opened next; nothing does where absent. */
  readonly prepare?: Prepare
  /** The logs that are kept, and the statements in them. */
  readonly logs: SyncStore
  /** Trees that are served to peers; none where absent. */
  readonly trees?: TreeSource
  /** File of the peer key; made where there is none. */
  readonly peerKeyFile: string
  /** File in which the longest-lived peers are remembered; nowhere where absent. */
  readonly anchorsFile?: string
}

export class Network {
  readonly #components: NetworkComponents
  readonly #options: NetworkOptions
  readonly #topics: Topics
  readonly #admission: Admission
  readonly #quotas: Quotas
  readonly #heads: Heads
  readonly #validator: Validator
  readonly #listeners = new Set<PeerListener>()
  #running: Parts | undefined

  constructor(components: NetworkComponents, options: Partial<NetworkOptions> = {}) {
    const { crypto, clock, logger } = components
    this.#components = components
    this.#options = { ...defaultNetworkOptions, ...options }
    this.#topics = createTopics(this.#options.network)
    const parking = new ParkingLot()
    this.#admission = admitParked(components.admission, parking, logger)
    this.#quotas = new Quotas(clock)
    this.#heads = new Heads(components.logs, clock)
    this.#validator = new Validator(
      {
        crypto,
        clock,
        admission: this.#admission,
        prepare: components.prepare ?? (async () => undefined),
        quotas: this.#quotas,
        parking,
        heads: this.#heads,
        shards: this.#topics.rebuild.length,
      },
      logger,
    )
  }

  /** Connects. Throws NetworkError where an address cannot be listened on or the peer key not be read. */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#running !== undefined) return
    const seed = await loadPeerSeed(this.#components.peerKeyFile)
    const { networkKeyFile } = this.#options
    const networkKey =
      networkKeyFile === undefined ? undefined : await loadNetworkKey(networkKeyFile)
    const parts = await import('./running-parts.ts')
    signal?.throwIfAborted()
    const running = await parts.startParts(
      {
        ...this.#components,
        prepare: this.#components.prepare ?? (async () => undefined),
        heads: this.#heads,
        trees: this.#components.trees ?? { read: async () => undefined },
        seed,
        networkKey,
        topics: this.#topics,
        admission: this.#admission,
        quotas: this.#quotas,
        validator: this.#validator,
        listeners: this.#listeners,
      },
      this.#options,
    )
    this.#running = running
    if (signal?.aborted !== true) return
    await this.stop()
    signal.throwIfAborted()
  }

  /** Disconnects; does nothing where it has not started. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    running.redialer.stop()
    await running.outbound.stop()
    await running.exchange.stop()
    running.gossip.stop()
    await running.sync.stop()
    await running.trees.stop()
    running.peers.stop()
    await running.host.stop()
  }

  /**
   * Tells the peers of an own statement, which is stored already. Where there is no peer yet it is
   * told to the first one that comes; whoever is not reached gets it by sync.
   */
  async publish(statement: SignedStatement, bytes: Uint8Array): Promise<void> {
    const { gossip } = this.#started()
    const { body } = statement
    const withdrawn =
      body.kind === 'withdrawal' ? await this.#admission.kindOf(body.withdraws) : undefined
    await gossip.publish(
      topicOf(statement, withdrawn, this.#topics, this.#components.crypto),
      bytes,
    )
  }

  /** Tells the peers of a head of the own log, which is on the disk already. */
  async publishHead(note: Uint8Array): Promise<void> {
    await this.#started().gossip.publish(this.#topics.head, encodeHeadMessage(note))
  }

  /** Tells the peers of a proof that came by another way than the network. */
  async publishProof(proof: Uint8Array): Promise<void> {
    await this.#started().gossip.publish(this.#topics.head, encodeProofMessage(proof))
  }

  /** Asks some peers now for what is missing here, and waits for the answers. */
  sync(signal?: AbortSignal): Promise<SyncSummary> {
    return this.#started().sync.sync(signal ?? new AbortController().signal)
  }

  /** Asks connected peers for objects of trees until the walk wants no more, or none of them has more. */
  walkTrees(walk: TreeWalk, signal: AbortSignal): Promise<TreeWalkSummary> {
    return this.#started().trees.walk(walk, signal)
  }

  /** Whether some peer has given all that it has of what is wanted, since the start. */
  get synced(): boolean {
    return this.#running?.sync.synced ?? false
  }

  async dial(address: string, signal?: AbortSignal): Promise<void> {
    const { host } = this.#started()
    const { parsePeerAddress } = await import('./addresses.ts')
    const { address: target } = parsePeerAddress(address)
    try {
      await host.dial(target, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown'
      throw new NetworkError(
        'dial-failed',
        `cannot reach ${address} (${reason}): is the node running, and does the address name its port and peer id?`,
        { cause: error },
      )
    }
  }

  get peerId(): string {
    return this.#started().host.peerId.toString()
  }

  /** Where this node can be dialled, peer id included. */
  addresses(): readonly string[] {
    return this.#started()
      .host.getMultiaddrs()
      .map((address) => address.toString())
  }

  peers(): readonly ConnectedPeer[] {
    return this.#running?.peers.peers() ?? []
  }

  /** How many peers from before the start are dialled first. */
  get rememberedPeers(): number {
    return this.#running?.outbound.remembered ?? 0
  }

  /** Peers that gossip flows to and from; fewer than are connected for the first seconds, or with bad peers. */
  get gossipingPeers(): number {
    return this.#running?.peers.gossiping(this.#topics.all) ?? 0
  }

  /** Calls `listener` when a peer comes or goes, until the returned function is called. */
  onPeer(listener: PeerListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** How often each result of validation was found since the node was made. */
  gossipCounts(): ReadonlyMap<GossipCode, number> {
    return this.#validator.counts
  }

  #started(): Parts {
    if (this.#running !== undefined) return this.#running
    throw new NetworkError('not-started', 'the network is not running: start the node first')
  }
}
