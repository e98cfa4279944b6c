/**
 * How gossip judges its peers.
 *
 * Topics are quiet, so nothing is taken from a peer that forwards nothing (P3 is off): delivery is
 * sync's business. What counts is rubbish. One invalid message must stop gossip with a peer and
 * two must shut it out, however good it was before; gossipsub compares strictly, so the
 * penalty for one is the threshold, plus all that a peer can have earned, plus a margin.
 */
import type { PeerScoreParams, PeerScoreThresholds } from '@chainsafe/libp2p-gossipsub/score'
import type { Topic, TopicKind } from './topics.ts'

const HOUR_MS = 3_600_000

/** Below this no gossip is exchanged with a peer, */
const GOSSIP_THRESHOLD = -100
/** below this nothing of our own is sent to it, */
const PUBLISH_THRESHOLD = -200
/** and below this nothing that it sends is read. */
export const GRAYLIST_THRESHOLD = -400
/** Above this it is believed when it names other peers: only configured peers get there. */
export const ACCEPT_PX_THRESHOLD = 80

/** For a peer that the user has configured. */
export const CONFIGURED_PEER_SCORE = 100

/** What the first invalid message costs; the second makes it four times this. */
export const INVALID_MESSAGE_PENALTY = 200

const DECAY_INTERVAL_MS = 1000
const DECAY_TO_ZERO = 0.1

/** The factor per interval by which a counter falls to a tenth in `ms`. */
function decay(ms: number): number {
  return DECAY_TO_ZERO ** (DECAY_INTERVAL_MS / ms)
}

const TOPIC_WEIGHTS: Readonly<Record<TopicKind, number>> = {
  release: 0.5,
  rebuild: 0.5,
  head: 0.3,
  operator: 0.3,
}

const TOPIC_SCORE = {
  // P1, time in the mesh: up to 10 in an hour, so that newcomers do not displace old peers.
  timeInMeshQuantum: 60_000,
  timeInMeshCap: 60,
  timeInMeshWeight: 1 / 6,
  // P2, messages that a peer was first to deliver: up to 36, so that all topics together give less
  // than it takes to be believed about other peers.
  firstMessageDeliveriesWeight: 0.8,
  firstMessageDeliveriesCap: 45,
  firstMessageDeliveriesDecay: decay(HOUR_MS),
  // P3 off.
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  // P4, invalid messages, squared.
  invalidMessageDeliveriesDecay: decay(6 * HOUR_MS),
}

/** The most that a peer can earn on all topics. */
export function highestTopicScore(topics: readonly Topic[]): number {
  const { timeInMeshCap, timeInMeshWeight, firstMessageDeliveriesCap } = TOPIC_SCORE
  const each =
    timeInMeshCap * timeInMeshWeight +
    firstMessageDeliveriesCap * TOPIC_SCORE.firstMessageDeliveriesWeight
  return topics.reduce((sum, topic) => sum + each * TOPIC_WEIGHTS[topic.kind], 0)
}

export function scoreParams(
  topics: readonly Topic[],
  remembered: (peer: string) => number,
): Partial<PeerScoreParams> {
  return {
    topics: Object.fromEntries(
      topics.map((topic) => {
        const topicWeight = TOPIC_WEIGHTS[topic.kind]
        const invalidMessageDeliveriesWeight = -INVALID_MESSAGE_PENALTY / topicWeight
        return [
          topic.name,
          { ...TOPIC_SCORE, topicWeight, invalidMessageDeliveriesWeight },
        ] as const
      }),
    ) as PeerScoreParams['topics'],
    // No cap: it is known what the topics can add.
    topicScoreCap: 0,
    // P5: what is known of a peer from outside this connection.
    appSpecificScore: remembered,
    appSpecificWeight: 1,
    // P6: more than 3 peers on one address look like one. Loopback is exempt: nodes on this machine
    // are as many as its user starts, and otherwise 16 of them deliver nothing to one another.
    IPColocationFactorWeight: -5,
    IPColocationFactorThreshold: 3,
    IPColocationFactorWhitelist: new Set(['127.0.0.1', '::1']),
    // P7: breaking the protocol, such as promises to deliver; 6 slips are forgiven.
    behaviourPenaltyWeight: -10,
    behaviourPenaltyThreshold: 6,
    behaviourPenaltyDecay: decay(HOUR_MS),
    decayInterval: DECAY_INTERVAL_MS,
    decayToZero: DECAY_TO_ZERO,
    retainScore: 6 * HOUR_MS,
  }
}

export const SCORE_THRESHOLDS: PeerScoreThresholds = {
  gossipThreshold: GOSSIP_THRESHOLD,
  publishThreshold: PUBLISH_THRESHOLD,
  graylistThreshold: GRAYLIST_THRESHOLD,
  acceptPXThreshold: ACCEPT_PX_THRESHOLD,
  opportunisticGraftThreshold: 5,
}
