/**
 * What one peer, and all of them together, may cost this node. Each limit has its reason beside it.
 *
 * The defaults of libp2p and gossipsub are made for large public networks on large machines; a
 * hostile peer could use most of them to fill this node's memory.
 */

const KIB = 1024
const MIB = 1024 * KIB
const HOUR_MS = 3_600_000

// Connections

/** Each costs buffers and a share of every flood; gossip needs some ten good peers. */
export const MAX_CONNECTIONS = 64
/** Slots that only this node's own dials fill: who fills all the others still cannot eclipse it. */
const MIN_OUTBOUND_SLOTS = 8
export const MAX_INBOUND_CONNECTIONS = MAX_CONNECTIONS - MIN_OUTBOUND_SLOTS
/** Inbound peers from one public /24 (IPv4) or /48 (IPv6): addresses of one owner are cheap. */
export const MAX_INBOUND_PER_SUBNET = 8
/** Per second and host. At libp2p's default of 5, most of 20 nodes that start together behind one address fail. */
export const MAX_INBOUND_RATE = 64
/** Handshakes in progress; at the default of 10 the same 20 nodes would be turned away. */
export const MAX_PENDING_INBOUND = 32

/** Peers that this node seeks to have dialled itself: all of them would have to be the attacker's to eclipse it. */
export const TARGET_OUTBOUND = MIN_OUTBOUND_SLOTS
/** Peers known from before that are dialled first after a restart, while the attacker waits for us to ask around. */
export const MAX_ANCHORS = 4
/** How often the anchors are written down; a node that is killed forgets no more than this. */
export const ANCHOR_INTERVAL_MS = 5 * 60_000
/** A peer that could not be dialled is left alone for this long, then for twice as long, */
export const DIAL_BACKOFF_MS = 30_000
/** up to this. */
export const MAX_DIAL_BACKOFF_MS = HOUR_MS

// Finding peers

/** Addresses that DNS may give: enough for any list, and too few to be sent dialling around by one. */
export const MAX_BOOTSTRAP_PEERS = 32
/** Names that are looked up at once, those that names list included. */
export const MAX_BOOTSTRAP_NAMES = 8
/** How long what DNS said is believed: as long as usual records live. */
export const BOOTSTRAP_DNS_TTL_MS = 5 * 60_000
/** Peers in one answer to who asks for some: twice what it seeks. */
export const MAX_EXCHANGED_PEERS = 2 * TARGET_OUTBOUND
/** A signed peer record with a dozen addresses is 1 KiB. */
export const MAX_PEER_RECORD_BYTES = 4 * KIB
/** How often one peer is told of others, and this node asks one: an answer is 64 KiB at most. */
export const PEER_EXCHANGE_INTERVAL_MS = 5000
/** At once, since the first answers come before everybody has said where they can be reached. */
export const PEER_EXCHANGE_BURST = 4

// Streams

/** At the default of 1,000 a peer could hold 1,000 read buffers. A node needs fewer than ten. */
export const MAX_STREAMS = 32
/** 64 connections × 32 streams × 256 KiB = 512 MiB at the very worst. */
export const MAX_STREAM_READ_BYTES = 256 * KIB
/** The default has no bound: a peer that stops reading would make this node keep all it is owed. */
export const MAX_STREAM_WRITE_BYTES = MIB

// Relays (circuit relay v2)

/** Peers behind routers that a relay keeps reachable; each holds a connection, so some stay free for others. */
export const MAX_RELAY_RESERVATIONS = 32
/** Relayed connections at once to one peer that is kept reachable: each is a stream on its connection. */
export const MAX_RELAY_CONNECTIONS = 16
/** Requests to a relay at once from one peer. */
export const MAX_HOP_STREAMS = 4
/**
 * Peers that one relay may bring, as gossip forgives three on one address: a relay can cut off all
 * whom it brings, so no more of the view than this may hang on it.
 */
export const MAX_RELAYED_PER_RELAY = 3
/** What one relayed connection may carry: the first sync of some 15,000 statements; longer ones reconnect. */
export const RELAYED_CONNECTION_BYTES = 32 * MIB
/** As long as a place at a relay lasts. libp2p's two minutes would be spent on reconnecting. */
export const RELAYED_CONNECTION_MS = 2 * HOUR_MS

// Gossip

/** Mesh of 8 with 6 to 12: a third of the peers may be mute, and messages still arrive. */
export const MESH_SIZE = 8
export const MESH_LOW = 6
export const MESH_HIGH = 12
/** Mesh peers that this node dialled itself; must be below MESH_LOW and at most half of MESH_SIZE. */
export const MESH_OUTBOUND = 3
/** As for streams: a subscriber that stops reading costs this much and no more. */
export const MAX_GOSSIP_OUTBOUND_BYTES = MIB
/** One RPC: four of the largest statements, or some sixty usual ones. A longer one drops its sender from gossip. */
export const MAX_GOSSIP_RPC_BYTES = 128 * KIB
/** Room that an answer to IWANT leaves for the framing and for control messages that ride along. */
export const MAX_IWANT_ANSWER_BYTES = 96 * KIB
/** Entries of one RPC. The default of 5,000 each lets a small frame allocate much. */
export const RPC_LIMITS = Object.freeze({
  maxSubscriptions: 128,
  maxMessages: 64,
  maxIhaveMessageIDs: 1000,
  maxIwantMessageIDs: 1000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 256,
  maxPeerInfos: 16,
})
/** Memory for the subscriptions of one peer; there are a handful of topics. */
export const MAX_TOPIC_BYTES_PER_PEER = 128 * KIB
/** How long a message id is remembered. Two minutes would let old messages circle for ever. */
export const SEEN_TTL_MS = HOUR_MS
/** Seconds a peer may be connected and identified without taking part in gossip before it is disconnected. */
export const MAX_GOSSIP_ABSENCE_HEARTBEATS = 10

// Misbehaviour that is remembered beyond a connection

/** Peers whose misbehaviour is remembered. */
export const MAX_REMEMBERED_PEERS = 4096
/** Time in which what a peer did falls to a tenth. */
export const MISBEHAVIOUR_DECAY_MS = 6 * HOUR_MS
