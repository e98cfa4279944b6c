/**
 * The libp2p host: transports, encryption, discovery and gossip, with this project's limits.
 *
 * **This file is the lazy boundary.** It and what it imports load libp2p, which takes 300 ms that a
 * command which asks a question must not pay; only Network.start imports it, when a node starts.
 */
import { gossipsub, type GossipSub, type GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import { bootstrap } from '@libp2p/bootstrap'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify, identifyPush, type Identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping, type Ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Crypto } from '../../protocol/crypto.ts'
import { parseBootstrapAddress, parseListenAddress } from './addresses.ts'
import { createConnectionGate } from './connection-gate.ts'
import { gossipOptions } from './gossip-options.ts'
import { boundIwantAnswers } from './iwant-bound.ts'
import * as limits from './limits.ts'
import { NetworkError } from './network-error.ts'
import type { NetworkOptions } from './options.ts'
import type { Neighbours } from './outbound-peers.ts'
import type { PeerMemory } from './peer-memory.ts'
import type { Topics } from './topics.ts'
import { listenAddresses, relayServices, relayTransport, traversalServices } from './traversal.ts'

export type Host = Libp2p<{ pubsub: GossipSub; identify: Identify; ping: Ping }>

export interface HostComponents {
  readonly crypto: Crypto
  /** 32-byte seed of the peer key. */
  readonly seed: Uint8Array
  readonly topics: Topics
  readonly memory: PeerMemory
  readonly neighbours: Neighbours
  /** Of a private network. */
  readonly networkKey: Uint8Array | undefined
}

/** Starts to listen. Throws NetworkError where an address cannot be listened on; the host is stopped then. */
export async function listen(host: Host, options: NetworkOptions): Promise<void> {
  try {
    await host.start()
  } catch (error) {
    await host.stop()
    throw listenError(error, options.listen)
  }
}

/** A host that has not started. */
export async function createHost(
  components: HostComponents,
  options: NetworkOptions,
): Promise<Host> {
  const { crypto, topics, memory, networkKey } = components
  for (const address of options.listen) parseListenAddress(address)
  const entries = options.bootstrap.map(parseBootstrapAddress)
  const configured = entries.flatMap(({ address }) => address?.toString() ?? [])
  const gossip = gossipsub(gossipOptions(crypto, topics, memory, options))
  let open: Host['getConnections'] = () => []
  const host = await createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', components.seed),
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: listenAddresses(options), announce: [...options.announce] },
    transports: [tcp(), relayTransport()],
    connectionEncrypters: [noise()],
    ...(networkKey === undefined ? {} : { connectionProtector: preSharedKey({ psk: networkKey }) }),
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.MAX_STREAMS,
        maxOutboundStreams: limits.MAX_STREAMS,
        streamOptions: {
          maxStreamWindowSize: limits.MAX_STREAM_READ_BYTES,
          maxReadBufferLength: limits.MAX_STREAM_READ_BYTES,
          maxWriteBufferLength: limits.MAX_STREAM_WRITE_BYTES,
        },
      }),
    ],
    connectionManager: {
      maxConnections: limits.MAX_CONNECTIONS,
      inboundConnectionThreshold: limits.MAX_INBOUND_RATE,
      maxIncomingPendingConnections: limits.MAX_PENDING_INBOUND,
    },
    connectionGater: createConnectionGate(memory, () => open()),
    peerDiscovery: [
      ...(configured.length === 0 ? [] : [bootstrap({ list: configured, timeout: 0 })]),
      ...(options.mdns ? [announcedTo(components.neighbours, options.network)] : []),
    ],
    services: {
      identify: identify(),
      // Others learn of a new address, such as one at a relay, without connecting again.
      identifyPush: identifyPush(),
      ping: ping(),
      ...relayServices(options),
      ...traversalServices(options),
      pubsub: (needed: GossipSubComponents): GossipSub =>
        boundIwantAnswers(gossip(needed), limits.MAX_IWANT_ANSWER_BYTES),
    },
  })
  open = host.getConnections.bind(host)
  return host
}

/** libp2p tells of every new peer in one voice; who is in the local network is known here alone. */
function announcedTo(neighbours: Neighbours, network: string): ReturnType<typeof mdns> {
  const create = mdns({ serviceTag: `_rebuildnet-${network}._udp.local` })
  return (needed) => {
    const discovery = create(needed)
    discovery.addEventListener('peer', ({ detail }) => {
      for (const tell of neighbours) tell(detail)
    })
    return discovery
  }
}

/** libp2p tells why it cannot listen in a text of several lines with stacks. */
function listenError(error: unknown, listen: readonly string[]): unknown {
  const text = error instanceof Error ? error.message : ''
  const where = listen.join(', ')
  if (text.includes('EADDRINUSE')) {
    return new NetworkError(
      'address-in-use',
      `cannot listen on ${where}: another program has this port; stop it, or choose another port with --listen`,
      { cause: error },
    )
  }
  const reason = /\b(EACCES|EADDRNOTAVAIL|EPERM|ENETUNREACH|EAFNOSUPPORT)\b/.exec(text)?.[1]
  if (reason === undefined) return error
  return new NetworkError(
    'address-refused',
    `cannot listen on ${where} (${reason}): this machine has no such address, or you may not use the port; choose another with --listen`,
    { cause: error },
  )
}
