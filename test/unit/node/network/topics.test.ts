import { expect, test } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { createTopics, gossipMessageId, shardOf, topicOf } from '../../../../node/network/topics.ts'
import { utf8 } from '../../../../protocol/bytes.ts'
import {
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
} from '../../../support/statements.ts'

const topics = createTopics('main')

test('names the topics of a network', () => {
  expect(topics.all.map((topic) => topic.name)).toEqual([
    '/rebuildnet/main/1/release',
    '/rebuildnet/main/1/rebuild/1/0',
    '/rebuildnet/main/1/head',
    '/rebuildnet/main/1/operator',
  ])
})

test.each(['', 'Main', '-main', 'a/b', 'a'.repeat(33), 'ä'])('"%s" is no network', (name) => {
  expect(() => createTopics(name)).toThrow(expect.objectContaining({ code: 'bad-network-name' }))
})

test('each kind has its topic, and a withdrawal that of what it takes back', () => {
  const release = makeRelease()
  const withdrawal = makeWithdrawal({ withdraws: release }).statement
  const topic = (
    ...[statement, withdrawn]: [Parameters<typeof topicOf>[0], Parameters<typeof topicOf>[1]]
  ) => topicOf(statement, withdrawn, topics, nodeCrypto).kind
  expect(topic(release.statement, undefined)).toBe('release')
  expect(topic(makeRebuild({ release }).statement, undefined)).toBe('rebuild')
  expect(topic(makeOperator().card.statement, undefined)).toBe('operator')
  expect(topic(withdrawal, 'release')).toBe('release')
  expect(topic(withdrawal, 'rebuild')).toBe('rebuild')
})

test('the projects spread over the shards, and each stays on its own', () => {
  const images = Array.from({ length: 200 }, (_, i) => `registry.example/app${i}`)
  const shards = images.map((image) => shardOf(image, 8, nodeCrypto))
  expect(new Set(shards).size).toBe(8)
  expect(images.map((image) => shardOf(image, 8, nodeCrypto))).toEqual(shards)
  expect(shardOf('registry.example/app0', 1, nodeCrypto)).toBe(0)
})

test('the message id covers topic and message, every byte', () => {
  const id = (topic: string, data: string): string =>
    Buffer.from(gossipMessageId(topic, utf8(data), nodeCrypto)).toString('hex')
  // printf 'topic\0data' | sha256sum
  expect(id('topic', 'data')).toBe(
    '244bac8362b1fa5f88772674eed579c37894b2ce2b4c57fbd88f8275a1026e05',
  )
  expect(id('topic', 'dat')).not.toBe(id('topic', 'data'))
  expect(id('topid', 'data')).not.toBe(id('topic', 'data'))
})
