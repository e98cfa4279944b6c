/** T13 of the threat list: what a hostile peer can and cannot do by gossip. */
import { expect, test } from 'vitest'
import { equalBytes, parseHex, utf8 } from '../../protocol/bytes.ts'
import { preAuthEncoding } from '../../protocol/dsse.ts'
import { encodeEnvelope } from '../../protocol/envelope.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Network } from '../../node/network/network.ts'
import { gossipMessageId } from '../../node/network/topics.ts'
import { startHostilePeer, TOPICS, type HostilePeer } from '../support/hostile-peer.ts'
import { startNode, startStar, WANTS_NOTHING, type TestNode } from '../support/network.ts'
import { makeOperator, makeRelease, TEST_TIME } from '../support/statements.ts'
import { waitFor } from '../support/wait-for.ts'

const RELEASES = TOPICS.release.name
const REBUILDS = TOPICS.rebuild[0]!.name
const OPERATORS = TOPICS.operator.name

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

/** A payload that is signed as it should be, whatever is in it. */
function signed(payload: Uint8Array): Uint8Array {
  const { key } = makeOperator('mallory')
  const publicKey = parseHex(key.publicKey)!
  return encodeEnvelope({ publicKey, payload, signature: key.sign(preAuthEncoding(payload)) })
}

function scoreOf(network: Network, peerId: string): number {
  return network.peers().find((peer) => peer.peerId === peerId)?.score ?? NaN
}

async function counted(node: TestNode, code: string, count = 1): Promise<void> {
  const counts = node.network.gossipCounts() as ReadonlyMap<string, number>
  await waitFor(`${count} × ${code}`, () => counts.get(code) === count)
}

async function hostileAt(node: TestNode): Promise<HostilePeer> {
  const hostile = await startHostilePeer()
  await hostile.dial(node.address())
  return hostile
}

test.each([
  ['bad-signature', RELEASES, flipped(makeRelease().bytes, 40)],
  ['too-large', RELEASES, new Uint8Array(33 * 1024).fill(1)],
  ['truncated', RELEASES, Uint8Array.of(1, 2, 3)],
  ['json-syntax', REBUILDS, signed(utf8('{"not json'))],
  ['wrong-topic', OPERATORS, makeRelease().bytes],
  ['wrong-topic', RELEASES, makeOperator('alice').card.bytes],
])(
  'T13: a message with %s on %s is rejected, twice of it shuts its sender out, and honest peers do not suffer',
  async (code, topic, data) => {
    const [victim, honest] = (await startStar(2, { wants: WANTS_NOTHING })) as [TestNode, TestNode]
    const hostile = await hostileAt(victim)
    await hostile.publish(topic, data)
    await counted(victim, code)
    await waitFor('gossip with it stops', () => scoreOf(victim.network, hostile.peerId) < -100)

    const second = data.length > 1000 ? flipped(data, 50) : flipped(data, data.length - 1)
    await hostile.publish(topic, second)
    await waitFor('it is shut out', () => scoreOf(victim.network, hostile.peerId) < -400)

    const release = makeRelease({ version: '2.0.0' })
    await honest.publish(release)
    await waitFor('an honest message comes', () => victim.ledger.has(release.statement.sid))
    expect(scoreOf(victim.network, honest.network.peerId)).toBeGreaterThanOrEqual(0)
    // Nothing of it was passed on.
    expect(honest.network.gossipCounts().get('stored')).toBeUndefined()
  },
)

test('who was shut out stays out when it comes back', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  await hostile.publish(RELEASES, flipped(makeRelease().bytes, 40))
  await hostile.publish(RELEASES, flipped(makeRelease().bytes, 41))
  await counted(victim, 'bad-signature', 2)
  await hostile.hangUp()
  await waitFor('it has hung up', () => victim.network.peers().length === 0)

  await hostile.dial(victim.address()).catch(() => undefined)
  await waitFor('it is turned away', () => hostile.connections() === 0)
  expect(victim.network.peers()).toEqual([])
})

test('what depends on time, quota or policy costs a peer nothing', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const stranger = makeOperator('stranger')
  victim.ledger.strangers.add(stranger.key.publicKey)
  const hostile = await hostileAt(victim)
  const tomorrow = TEST_TIME + 7200 + 86_400
  await hostile.publish(RELEASES, makeRelease({ announced: tomorrow }).bytes)
  await counted(victim, 'dated-ahead')
  for (let i = 0; i < 10; i++) {
    await hostile.publish(RELEASES, makeRelease({ operator: stranger, version: `1.${i}` }).bytes)
  }
  await counted(victim, 'stored', 6)
  await counted(victim, 'over-unknown-budget', 4)
  await waitFor('scores are renewed', () => scoreOf(victim.network, hostile.peerId) > 0)
})

test('a good statement on a wrong topic does not keep the true one out, nor blame its bearer', async () => {
  const [victim, honest] = (await startStar(2, { wants: WANTS_NOTHING })) as [TestNode, TestNode]
  const hostile = await hostileAt(victim)
  const { card } = makeOperator('alice')
  await hostile.publish(RELEASES, card.bytes)
  await counted(victim, 'wrong-topic')
  await honest.publish(card)
  await waitFor('the card comes', () => victim.ledger.has(card.statement.sid))
  expect(scoreOf(victim.network, honest.network.peerId)).toBeGreaterThanOrEqual(0)
})

test('a peer that leaves its first connection for another still hears of everything', async () => {
  const node = await startNode({ wants: WANTS_NOTHING })
  const peer = await startHostilePeer()
  const came: Uint8Array[] = []
  peer.pubsub.addEventListener('message', ({ detail }) => came.push(detail.data))
  peer.pubsub.subscribe(RELEASES)
  await peer.dial(node.address())
  await peer.canSpeak(RELEASES)
  await peer.moveTo(node.address())
  const release = makeRelease()
  await node.publish(release)
  await waitFor('it comes', () => came.some((data) => equalBytes(data, release.bytes)))
})

test('a topic that is not of the network is not heard', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  const release = makeRelease()
  await hostile.publish(RELEASES, release.bytes)
  await counted(victim, 'stored')
  // An RPC of one message (field 2): data (2) and topic (4), as gossipsub itself would not send it.
  const topic = utf8('/rebuildnet/test/1/gossip')
  const data = makeRelease({ version: '2' }).bytes
  const length = data.length
  const message = [0x12, (length & 127) | 128, length >> 7, ...data, 0x22, topic.length, ...topic]
  const rpc = [0x12, (message.length & 127) | 128, message.length >> 7, ...message]
  hostile.sendRpc(Uint8Array.from(rpc))
  await hostile.publish(RELEASES, makeRelease({ version: '3' }).bytes)
  await counted(victim, 'stored', 2)
  expect([...victim.network.gossipCounts()]).toEqual([['stored', 2]])
})

test('who asks for a hundred messages gets what one RPC may hold, and stays', async () => {
  const [node, other] = (await startStar(2, { wants: WANTS_NOTHING })) as [TestNode, TestNode]
  const releases = Array.from({ length: 100 }, (_, i) => makeRelease({ version: `1.${i}` }))
  await node.publish(...releases)
  await waitFor('they are out', () => other.ledger.hasAll(releases))
  const hostile = await startHostilePeer()
  const came: Uint8Array[] = []
  hostile.pubsub.addEventListener('message', ({ detail }) => came.push(detail.data))
  hostile.pubsub.subscribe(RELEASES)
  await hostile.dial(node.address())
  await hostile.canSpeak(RELEASES)
  // An RPC with control (3), iwant (2), and message ids (1) of 32 bytes.
  const ids = releases.flatMap(({ bytes }) => [
    ...[0x0a, 32],
    ...gossipMessageId(RELEASES, bytes, nodeCrypto),
  ])
  const field = (tag: number, value: readonly number[]): number[] => [
    ...[tag, (value.length & 127) | 128, value.length >> 7],
    ...value,
  ]
  hostile.sendRpc(Uint8Array.from(field(0x1a, field(0x12, ids))))
  await waitFor('an answer comes', () => came.length > 0)
  const last = makeRelease({ version: '2' })
  await node.publish(last)
  await waitFor('a later message comes', () => came.some((data) => equalBytes(data, last.bytes)))
  expect(came.length).toBeGreaterThan(30)
  expect(came.length).toBeLessThanOrEqual(65)
})

test('a validator that fails ignores and is counted, and nobody is blamed', async () => {
  const victim = await startNode({
    wants: WANTS_NOTHING,
    disguise: () => ({ accept: () => Promise.reject(new Error('the store is broken')) }),
  })
  const hostile = await hostileAt(victim)
  await hostile.publish(RELEASES, makeRelease().bytes)
  await counted(victim, 'internal-error')
  expect(scoreOf(victim.network, hostile.peerId)).toBeGreaterThanOrEqual(0)
})

test('who sends an RPC over the limit loses its place', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  await hostile.publish(RELEASES, makeRelease().bytes)
  await counted(victim, 'stored')
  await hostile.publish(RELEASES, new Uint8Array(200 * 1024))
  await waitFor('it is disconnected', () => victim.network.peers().length === 0)
  expect(victim.network.gossipCounts().get('too-large')).toBeUndefined()
})
