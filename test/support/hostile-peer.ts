/** A libp2p peer that keeps to nothing: it says on any topic, and on any stream, what it is told to. */
import { gossipsub, type GossipSub, type GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import * as lengthPrefixed from 'it-length-prefixed'
import { createLibp2p, type Libp2p } from 'libp2p'
import { onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createTopics, gossipMessageId } from '../../node/network/topics.ts'
import { waitFor } from './wait-for.ts'

export const SYNC_PROTOCOL = '/rebuildnet/test/sync/1'
export const TREE_PROTOCOL = '/rebuildnet/test/tree/1'
export const TOPICS = createTopics('test')

export interface HostilePeer {
  readonly peerId: string
  dial(address: string): Promise<Connection>
  /** Waits until what it publishes on a topic is heard by the dialled node. */
  canSpeak(topic: string): Promise<unknown>
  publish(topic: string, data: Uint8Array): Promise<void>
  /** Sends bytes as a gossip RPC. */
  sendRpc(rpc: Uint8Array): void
  readonly pubsub: GossipSub
  /** Opens a stream to the dialled node on the sync protocol. */
  openSync(protocol?: string): Promise<Stream>
  /** Answers every request on the sync protocol with what `answer` gives. */
  serveSync(answer: (stream: Stream) => void, protocol?: string): Promise<void>
  /** Opens a second connection to the dialled node, and closes the first. */
  moveTo(address: string): Promise<void>
  /** How many connections it has. */
  connections(): number
  hangUp(): Promise<void>
  stop(): Promise<void>
}

export async function startHostilePeer(): Promise<HostilePeer> {
  const host: Libp2p<{ pubsub: GossipSub; identify: unknown }> = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      pubsub: (components: GossipSubComponents): GossipSub =>
        gossipsub({
          globalSignaturePolicy: 'StrictNoSign',
          msgIdFn: ({ topic, data }) => gossipMessageId(topic, data, nodeCrypto),
          floodPublish: true,
        })(components),
    },
  })
  onTestFinished(() => host.stop())
  const { pubsub } = host.services
  let target: Connection | undefined
  const { streamsOutbound } = pubsub as unknown as {
    streamsOutbound: ReadonlyMap<string, { push(rpc: Uint8Array): void }>
  }
  const canSpeak = (topic: string): Promise<unknown> =>
    waitFor('somebody hears the hostile peer', () =>
      pubsub.getSubscribers(topic).some((peer) => streamsOutbound.has(peer.toString())),
    )
  const heartbeat = (): Promise<unknown> =>
    new Promise((resolve) =>
      pubsub.addEventListener('gossipsub:heartbeat', resolve, { once: true }),
    )
  return {
    peerId: host.peerId.toString(),
    pubsub,
    stop: async () => host.stop(),
    dial: async (address) => (target = await host.dial(multiaddr(address))),
    moveTo: async (address) => {
      const first = target
      target = await host.dial(multiaddr(address), { force: true })
      // By then both sides know each other on the new connection, and use the old one.
      for (let i = 0; i < 2; i++) await heartbeat()
      await first?.close()
      await heartbeat()
    },
    canSpeak,
    sendRpc: (rpc) => {
      for (const stream of streamsOutbound.values()) stream.push(rpc)
    },
    publish: async (topic, data) => {
      await canSpeak(topic)
      await pubsub.publish(topic, data)
    },
    openSync: async (protocol = SYNC_PROTOCOL) => target!.newStream(protocol),
    serveSync: (answer, protocol = SYNC_PROTOCOL) => host.handle(protocol, answer),
    connections: () => host.getConnections().length,
    hangUp: async () => {
      await Promise.all(host.getConnections().map((connection) => connection.close()))
    },
  }
}

/** One frame as it stands on the wire. */
export function prefixed(frame: Uint8Array): Uint8Array {
  return lengthPrefixed.encode.single(frame).subarray()
}

/** Whole frames that come on a stream until it ends, however it ends. */
export async function readFrames(stream: Stream): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  try {
    for await (const frame of lengthPrefixed.decode(chunks(stream))) frames.push(frame.subarray())
  } catch {
    // A reset is an end too.
  }
  return frames
}

/** Answers each frame that comes, until the stream ends. */
export async function answerFrames(
  stream: Stream,
  answer: (frame: Uint8Array) => Uint8Array,
): Promise<void> {
  try {
    for await (const frame of lengthPrefixed.decode(chunks(stream))) {
      stream.send(prefixed(answer(frame.subarray())))
    }
  } catch {
    // A reset is an end too.
  }
}

async function* chunks(stream: Stream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield chunk.subarray()
}
