/** gossipsub with this project's limits and scores. Each limit has its reason in limits.ts. */
import type { GossipsubOpts } from '@chainsafe/libp2p-gossipsub'
import type { Crypto } from '../../protocol/crypto.ts'
import * as limits from './limits.ts'
import type { NetworkOptions } from './options.ts'
import type { PeerMemory } from './peer-memory.ts'
import { SCORE_THRESHOLDS, scoreParams } from './scores.ts'
import { gossipMessageId, type Topics } from './topics.ts'

export function gossipOptions(
  crypto: Crypto,
  topics: Topics,
  memory: PeerMemory,
  options: NetworkOptions,
): Partial<GossipsubOpts> {
  return {
    // Statements sign themselves; a second signature would only tell who was first to send them.
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => gossipMessageId(message.topic, message.data, crypto),
    allowedTopics: topics.all.map((topic) => topic.name),
    D: limits.MESH_SIZE,
    Dlo: limits.MESH_LOW,
    Dhi: limits.MESH_HIGH,
    Dout: limits.MESH_OUTBOUND,
    // Own statements go to every peer, not only to the mesh: an attacker would have to hold them all.
    floodPublish: true,
    // Floodsub peers would get everything and could be scored for nothing.
    fallbackToFloodsub: false,
    // Statements are small and few: they may also go through a relay, which limits what does.
    runOnLimitedConnection: true,
    doPX: options.peerExchange,
    seenTTL: limits.SEEN_TTL_MS,
    maxOutboundBufferSize: limits.MAX_GOSSIP_OUTBOUND_BYTES,
    maxInboundDataLength: limits.MAX_GOSSIP_RPC_BYTES,
    maxTopicBytesPerPeer: limits.MAX_TOPIC_BYTES_PER_PEER,
    decodeRpcLimits: limits.RPC_LIMITS,
    scoreParams: scoreParams(topics.all, (peer) => memory.score(peer)),
    scoreThresholds: SCORE_THRESHOLDS,
  }
}
