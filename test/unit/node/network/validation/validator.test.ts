import { beforeEach, describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../../../../node/crypto/node-crypto.ts'
import { createLogger } from '../../../../../node/logger.ts'
import type { Acceptance, Admission } from '../../../../../node/network/admission.ts'
import { Heads } from '../../../../../node/network/sync/heads.ts'
import { createTopics, type Topic } from '../../../../../node/network/topics.ts'
import { outcomeOf } from '../../../../../node/network/validation/outcome.ts'
import { admitParked, ParkingLot } from '../../../../../node/network/validation/parking-lot.ts'
import { Quotas } from '../../../../../node/network/validation/quotas.ts'
import { Validator } from '../../../../../node/network/validation/validator.ts'
import type { CreatedStatement } from '../../../../../protocol/create-statement.ts'
import { messageId } from '../../../../../protocol/envelope.ts'
import type { StatementKind } from '../../../../../protocol/statement.ts'
import { STATEMENT_ERROR_CODES } from '../../../../../protocol/statement-error.ts'
import { makeLogStore } from '../../../../support/log-store.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  TEST_TIME,
} from '../../../../support/statements.ts'

const topics = createTopics('test')
const [rebuildTopic] = topics.rebuild as [Topic]
const STATEMENT_TOPICS = topics.all.filter((topic) => topic.kind !== 'head')
const DAY = 86_400

/** A ledger in memory: what was accepted, and whatever a test says of the rest. */
class Ledger implements Admission {
  readonly kinds = new Map<string, StatementKind>()
  readonly hashes = new Set<string>()
  readonly strangers = new Set<string>()
  readonly stored: string[] = []
  answer: Acceptance = 'stored'

  isKnownMessage = (hash: string): boolean => this.hashes.has(hash)
  kindOf = (sid: string): StatementKind | undefined => this.kinds.get(sid)
  admitsSigner = (key: string): 'known' | 'unknown' =>
    this.strangers.has(key) ? 'unknown' : 'known'
  accept: Admission['accept'] = async (statement, bytes) => {
    if (this.answer !== 'stored') return this.answer
    this.kinds.set(statement.sid, statement.body.kind)
    this.hashes.add(Buffer.from(messageId(bytes, nodeCrypto)).toString('hex'))
    this.stored.push(statement.sid)
    return 'stored'
  }
}

let ledger: Ledger
let clock: ManualClock
let validator: Validator
let parking: ParkingLot

beforeEach(() => {
  ledger = new Ledger()
  clock = new ManualClock(TEST_TIME + 7200)
  parking = new ParkingLot()
  const logger = createLogger('silent')
  const admission = admitParked(ledger, parking, logger)
  const quotas = new Quotas(clock)
  const heads = new Heads(makeLogStore(), clock)
  validator = new Validator(
    {
      crypto: nodeCrypto,
      clock,
      admission,
      prepare: async () => undefined,
      quotas,
      parking,
      heads,
      shards: 1,
    },
    logger,
  )
})

/** What is found out about a message; the code is told by the counter that went up. */
async function find(topic: Topic, data: Uint8Array, peer = 'peer'): Promise<string> {
  const before = new Map(validator.counts)
  const outcome = await validator.validate({ topic, data, peer })
  const code = [...validator.counts].find(([each, count]) => count !== before.get(each))?.[0]
  expect(outcome).toBe(outcomeOf(code!))
  return `${outcome}: ${code}`
}

const release = makeRelease()
const rebuild = makeRebuild({ release })
const alice = makeOperator()

async function take(...statements: CreatedStatement[]): Promise<void> {
  for (const { statement, bytes } of statements) {
    await ledger.accept(statement, bytes, { via: 'sync', peer: 'other' })
  }
}

describe('what is good', () => {
  test.each([
    ['a release', topics.release, release, []],
    ['a rebuild of a known release', rebuildTopic, rebuild, [release]],
    ['a card', topics.operator, alice.card, []],
    [
      'a withdrawal of a release',
      topics.release,
      makeWithdrawal({ withdraws: release }),
      [release],
    ],
    ['a withdrawal of a rebuild', rebuildTopic, makeWithdrawal({ withdraws: rebuild }), [rebuild]],
  ])('%s is accepted once', async (_, topic, { bytes }, before) => {
    await take(...before)
    expect(await find(topic, bytes)).toBe('accept: stored')
    expect(await find(topic, bytes)).toBe('ignore: duplicate')
  })
})

describe('what is objectively wrong is rejected, whoever signed it', () => {
  const others: [string, Topic, CreatedStatement][] = [
    ['a rebuild on release', topics.release, rebuild],
    ['a card on release', topics.release, alice.card],
    ['a release on rebuild', rebuildTopic, release],
    ['a card on rebuild', rebuildTopic, alice.card],
    ['a release on operator', topics.operator, release],
    ['a withdrawal on operator', topics.operator, makeWithdrawal({ withdraws: release })],
  ]
  test.each(others)('%s', async (_, topic, { bytes, statement }) => {
    expect(await find(topic, bytes)).toBe('reject: wrong-topic')
    ledger.strangers.add(statement.key)
    expect(await find(topic, bytes)).toBe('reject: wrong-topic')
    expect(ledger.stored).toEqual([])
  })

  test('a project on a shard that is not its own', async () => {
    const shard = { ...rebuildTopic, shard: 1 }
    expect(await find(shard, rebuild.bytes)).toBe('reject: wrong-shard')
  })

  test.each([
    ['nothing', new Uint8Array(), 'truncated'],
    ['too little', release.bytes.subarray(0, 97), 'truncated'],
    ['too much', new Uint8Array(32 * 1024 + 1), 'too-large'],
    ['a signature over something else', flip(release.bytes, 200), 'bad-signature'],
    ['a key of small order', weak(release.bytes), 'weak-key'],
  ])('%s', async (_, data, code) => {
    for (const topic of STATEMENT_TOPICS) expect(await find(topic, data)).toBe(`reject: ${code}`)
  })
})

describe('what depends on time, state, quota or policy is ignored', () => {
  test('a version of the envelope that is not known', async () => {
    const data = release.bytes.slice()
    data[0] = 2
    expect(await find(topics.release, data)).toBe('ignore: unknown-version')
  })

  test('what is dated more than ten minutes ahead, until its time comes', async () => {
    const now = TEST_TIME + 7200
    const nearly = makeRelease({ version: '1', announced: now + 600 })
    const ahead = makeRelease({ version: '2', announced: now + 601 })
    expect(await find(topics.release, nearly.bytes)).toBe('accept: stored')
    expect(await find(topics.release, ahead.bytes)).toBe('ignore: dated-ahead')
    clock.advance(1)
    expect(await find(topics.release, ahead.bytes)).toBe('accept: stored')
  })

  test('a card that has expired', async () => {
    clock.advance(90 * DAY)
    expect(await find(topics.operator, alice.card.bytes)).toBe('ignore: expired')
  })

  test.each(['duplicate', 'mismatch', 'over-quota', 'read-only'] as const)(
    'what the store answers with "%s"',
    async (answer) => {
      ledger.answer = answer
      expect(await find(topics.release, release.bytes)).toBe(`ignore: ${answer}`)
    },
  )

  test('what a validator fails on', async () => {
    ledger.accept = () => Promise.reject(new Error('the disk is gone'))
    expect(await find(topics.release, release.bytes)).toBe('ignore: internal-error')
  })

  test('a withdrawal of something that is of another kind', async () => {
    await take(release, rebuild)
    const ofRebuild = makeWithdrawal({ withdraws: rebuild })
    const ofRelease = makeWithdrawal({ withdraws: release })
    expect(await find(topics.release, ofRebuild.bytes)).toBe('ignore: mismatch')
    expect(await find(rebuildTopic, ofRelease.bytes)).toBe('ignore: mismatch')
  })
})

describe('strangers', () => {
  const stranger = makeOperator('stranger')
  const said = (i: number): Uint8Array =>
    makeRelease({ operator: stranger, version: `1.${i}` }).bytes

  beforeEach(() => ledger.strangers.add(stranger.key.publicKey))

  test('one peer brings a few of their statements, then one in ten seconds', async () => {
    for (let i = 0; i < 6; i++) expect(await find(topics.release, said(i))).toBe('accept: stored')
    expect(await find(topics.release, said(6))).toBe('ignore: over-unknown-budget')
    clock.advance(9)
    expect(await find(topics.release, said(7))).toBe('ignore: over-unknown-budget')
    clock.advance(1)
    expect(await find(topics.release, said(8))).toBe('accept: stored')
  })

  test('one of them says twenty things a day, whoever brings them', async () => {
    for (let i = 0; i < 20; i++) {
      expect(await find(topics.release, said(i), `peer ${i}`)).toBe('accept: stored')
    }
    expect(await find(topics.release, said(20), 'peer 20')).toBe('ignore: over-unknown-budget')
  })

  test('what they said over a week ago is not taken', async () => {
    clock.advance(7 * DAY - 7200)
    expect(await find(topics.release, said(0))).toBe('accept: stored')
    clock.advance(1)
    expect(await find(topics.release, said(1))).toBe('ignore: too-old')
  })

  test('a broken signature uses up nobody’s quota', async () => {
    for (let i = 0; i < 50; i++) {
      expect(await find(topics.release, flip(said(0), 200 + i), `p${i}`)).toBe(
        'reject: bad-signature',
      )
    }
    for (let i = 0; i < 20; i++) {
      expect(await find(topics.release, said(i), `peer ${i}`)).toBe('accept: stored')
    }
  })
})

test('a known signer has its quota for the day, and gets it back', async () => {
  const card = (i: number): Uint8Array => makeOperator('renewing', { contact: `${i}` }).card.bytes
  for (let i = 0; i < 10; i++) expect(await find(topics.operator, card(i))).toBe('accept: stored')
  expect(await find(topics.operator, card(10))).toBe('ignore: over-key-quota')
  clock.advance(DAY / 10)
  expect(await find(topics.operator, card(11))).toBe('accept: stored')
})

test('a peer that floods is not verified any more, and others are', async () => {
  const noise = flip(release.bytes, 200)
  for (let i = 0; i < 2000; i++)
    await validator.validate({ topic: topics.release, data: noise, peer: 'p' })
  expect(await find(topics.release, release.bytes, 'p')).toBe('ignore: over-peer-budget')
  expect(await find(topics.release, release.bytes, 'q')).toBe('accept: stored')
})

describe('statements that come too early', () => {
  const withdrawal = makeWithdrawal({ withdraws: rebuild })

  test('wait for what they speak of, one behind the other', async () => {
    expect(await find(rebuildTopic, withdrawal.bytes)).toBe('ignore: parked')
    expect(await find(rebuildTopic, rebuild.bytes)).toBe('ignore: parked')
    expect(parking.size).toBe(2)
    expect(await find(topics.release, release.bytes)).toBe('accept: stored')
    expect(ledger.stored).toEqual(
      [release, rebuild, withdrawal].map(({ statement }) => statement.sid),
    )
    expect(parking.size).toBe(0)
  })

  test('one that cannot be stored does not keep its release out', async () => {
    await find(rebuildTopic, rebuild.bytes)
    const accept = ledger.accept.bind(ledger)
    ledger.accept = (statement, ...rest) =>
      statement.body.kind === 'rebuild'
        ? Promise.reject(new Error('the disk is gone'))
        : accept(statement, ...rest)
    expect(await find(topics.release, release.bytes)).toBe('accept: stored')
  })

  test('one peer pushes out only its own', () => {
    const parked = (i: number, peer: string): Parameters<ParkingLot['park']>[1] => ({
      statement: { ...rebuild.statement, sid: hexOf(`${peer} ${i}`) },
      bytes: rebuild.bytes,
      peer,
    })
    parking.park('release', parked(0, 'quiet'))
    for (let i = 0; i < 500; i++) parking.park('release', parked(i, 'loud'))
    const left = parking.take('release')
    expect(left.map((each) => each.peer)).toContain('quiet')
    expect(left.filter((each) => each.peer === 'loud').map((each) => each.statement.sid)).toEqual(
      Array.from({ length: 128 }, (_, i) => hexOf(`loud ${372 + i}`)),
    )
  })

  test('all together are bounded', () => {
    for (let i = 0; i < 1100; i++) {
      const statement = { ...rebuild.statement, sid: hexOf(`${i}`) }
      parking.park('release', { statement, bytes: rebuild.bytes, peer: `peer ${i}` })
    }
    expect(parking.size).toBe(1024)
    expect(parking.take('release')[0]?.statement.sid).toBe(hexOf('76'))
  })
})

test('every code of a statement has an outcome', () => {
  const outcomes = new Set(STATEMENT_ERROR_CODES.map(outcomeOf))
  expect(outcomes).toEqual(new Set(['ignore', 'reject']))
})

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

/** The same under the neutral element as key. */
function weak(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy.fill(0, 1, 33)
  copy[1] = 1
  return copy
}
