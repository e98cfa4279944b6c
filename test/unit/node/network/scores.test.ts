import { PeerScore, createPeerScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import { expect, test } from 'vitest'
import { PeerMemory } from '../../../../node/network/peer-memory.ts'
import {
  CONFIGURED_PEER_SCORE,
  GRAYLIST_THRESHOLD,
  highestTopicScore,
  SCORE_THRESHOLDS,
  scoreParams,
} from '../../../../node/network/scores.ts'
import { createTopics } from '../../../../node/network/topics.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const topics = createTopics('test').all
const silent = { forComponent: () => Object.assign(() => undefined, { error: () => undefined }) }

/** gossipsub's own reckoning under these parameters, without its cache. */
function reckoning(configured: readonly string[] = []): PeerScore {
  const memory = new PeerMemory(new ManualClock(), configured)
  const params = createPeerScoreParams(scoreParams(topics, (peer) => memory.score(peer)))
  return new PeerScore(params, null, silent as never, { scoreCacheValidityMs: 0 })
}

/** Delivers as many messages first as count for anything. */
function shine(score: PeerScore, peer: string): void {
  score.addPeer(peer)
  let id = 0
  for (const { name } of topics) {
    for (let i = 0; i < 100; i++) {
      const message = `message ${id++}`
      score.validateMessage(message)
      score.deliverMessage(peer, message, name)
    }
  }
}

function spoil(score: PeerScore, peer: string, topic: string, times: number): void {
  for (let i = 0; i < times; i++) score.rejectInvalidMessage(peer, topic)
}

test.each(topics.map((topic) => topic.name))(
  'one invalid message on %s stops gossip with the best of peers, and two shut it out',
  (topic) => {
    const once = reckoning()
    shine(once, 'peer')
    expect(once.score('peer')).toBeGreaterThan(50)
    expect(once.score('peer')).toBeLessThanOrEqual(highestTopicScore(topics))
    spoil(once, 'peer', topic, 1)
    const worst = once.score('peer') + highestTopicScore(topics)
    expect(once.score('peer')).toBeLessThan(SCORE_THRESHOLDS.gossipThreshold)
    expect(worst).toBeGreaterThan(GRAYLIST_THRESHOLD)

    const twice = reckoning()
    shine(twice, 'peer')
    spoil(twice, 'peer', topic, 2)
    expect(twice.score('peer')).toBeLessThan(GRAYLIST_THRESHOLD)
  },
)

test('a configured peer is forgiven one invalid message, not two', () => {
  const score = reckoning(['friend'])
  score.addPeer('friend')
  expect(score.score('friend')).toBe(CONFIGURED_PEER_SCORE)
  expect(CONFIGURED_PEER_SCORE).toBeGreaterThan(SCORE_THRESHOLDS.acceptPXThreshold)
  spoil(score, 'friend', topics[0]!.name, 1)
  expect(score.score('friend')).toBe(SCORE_THRESHOLDS.gossipThreshold)
  spoil(score, 'friend', topics[0]!.name, 1)
  expect(score.score('friend')).toBeLessThan(GRAYLIST_THRESHOLD)
})

test('nothing that a stranger earns lets it name other peers', () => {
  expect(highestTopicScore(topics)).toBeLessThan(SCORE_THRESHOLDS.acceptPXThreshold)
})

test('a peer in the mesh that forwards nothing is not punished', () => {
  const score = reckoning()
  score.addPeer('quiet')
  for (const { name } of topics) score.graft('quiet', name)
  score.refreshScores()
  for (const { name } of topics) score.prune('quiet', name)
  expect(score.score('quiet')).toBeGreaterThanOrEqual(0)
})

test('many peers on one address are one to gossip, except on loopback', () => {
  const score = reckoning()
  for (const [address, peers] of [
    ['198.51.100.1', 'public'],
    ['127.0.0.1', 'local'],
  ] as const) {
    for (let i = 0; i < 20; i++) {
      score.addPeer(`${peers} ${i}`)
      score.addIP(`${peers} ${i}`, address)
    }
  }
  expect(score.score('public 0')).toBeLessThan(GRAYLIST_THRESHOLD)
  expect(score.score('local 0')).toBe(0)
})
