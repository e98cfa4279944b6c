/** Makes and starts the parts that need libp2p, in the order in which they need one another. */
import type { Crypto } from '../../protocol/crypto.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { parseBootstrapAddress } from './addresses.ts'
import type { Admission, Prepare } from './admission.ts'
import { Anchors } from './anchors.ts'
import { BootstrapList } from './bootstrap-list.ts'
import { Gossip } from './gossip.ts'
import { createHost, listen, type Host } from './host.ts'
import type { NetworkOptions } from './options.ts'
import { OutboundPeers, type Neighbours } from './outbound-peers.ts'
import { PeerBook, type PeerListener } from './peer-book.ts'
import { PeerExchange } from './peer-exchange.ts'
import { PeerMemory } from './peer-memory.ts'
import { Redialer } from './redialer.ts'
import { LogSync } from './log-sync.ts'
import type { Heads } from './sync/heads.ts'
import type { SyncStore } from './sync/sync-store.ts'
import { TreeSync } from './tree-sync.ts'
import type { TreeSource } from './trees/serve.ts'
import type { Topics } from './topics.ts'
import { encodeProofMessage } from './validation/head.ts'
import type { Quotas } from './validation/quotas.ts'
import type { Validator } from './validation/validator.ts'

export interface PartsComponents {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly admission: Admission
  readonly prepare: Prepare
  readonly logs: SyncStore
  readonly heads: Heads
  readonly trees: TreeSource
  readonly seed: Uint8Array
  /** Of a private network. */
  readonly networkKey: Uint8Array | undefined
  /** Where the longest-lived peers are remembered; nowhere where absent. */
  readonly anchorsFile?: string
  readonly topics: Topics
  readonly quotas: Quotas
  readonly validator: Validator
  readonly listeners: ReadonlySet<PeerListener>
}

export interface Parts {
  readonly host: Host
  readonly peers: PeerBook
  readonly gossip: Gossip
  readonly sync: LogSync
  readonly trees: TreeSync
  readonly redialer: Redialer
  readonly exchange: PeerExchange
  readonly outbound: OutboundPeers
}

export async function startParts(
  components: PartsComponents,
  options: NetworkOptions,
): Promise<Parts> {
  const { clock, topics, validator, logger } = components
  const configured = options.bootstrap.flatMap((text) => parseBootstrapAddress(text).peer ?? [])
  const memory = new PeerMemory(clock, configured)
  const neighbours: Neighbours = new Set()
  const host = await createHost({ ...components, memory, neighbours }, options)
  const pubsub = host.services.pubsub
  const peers = new PeerBook({ ...components, host, memory }, components.listeners)
  const gossip = new Gossip({ pubsub, topics, validator, memory, logger })
  const publishProof = (proof: EquivocationProof): Promise<void> =>
    gossip.publish(topics.head, encodeProofMessage(proof.bytes))
  const sync = new LogSync({ ...components, host, memory, publishProof }, options)
  const trees = new TreeSync({ ...components, host, memory }, options)
  const bootstrap = new BootstrapList({ clock, logger }, options.bootstrap)
  const redialer = new Redialer({ host, logger, memory, bootstrap }, options)
  const exchange = new PeerExchange({ host, clock, logger, memory }, options)
  const anchors = new Anchors(components.anchorsFile, logger)
  const outbound = new OutboundPeers(
    { host, clock, logger, memory, anchors, exchange, neighbours },
    options,
  )
  // Before the first connection, so that no peer is missed;
  peers.start()
  await sync.start()
  await trees.start()
  await exchange.start()
  try {
    await listen(host, options)
  } catch (error) {
    peers.stop()
    await sync.stop()
    await trees.stop()
    await exchange.stop()
    throw error
  }
  // topics only after it, as gossipsub wants it; and own dials last, remembered peers before others.
  gossip.start()
  await outbound.start()
  redialer.start()
  return { host, peers, gossip, sync, trees, redialer, exchange, outbound }
}
