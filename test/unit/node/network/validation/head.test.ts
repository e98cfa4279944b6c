import { beforeEach, describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../../../../node/crypto/node-crypto.ts'
import { createLogger } from '../../../../../node/logger.ts'
import { Heads } from '../../../../../node/network/sync/heads.ts'
import { createTopics } from '../../../../../node/network/topics.ts'
import {
  encodeHeadMessage,
  encodeProofMessage,
} from '../../../../../node/network/validation/head.ts'
import { outcomeOf } from '../../../../../node/network/validation/outcome.ts'
import { ParkingLot } from '../../../../../node/network/validation/parking-lot.ts'
import { Quotas } from '../../../../../node/network/validation/quotas.ts'
import { Validator } from '../../../../../node/network/validation/validator.ts'
import { concat, utf8 } from '../../../../../protocol/bytes.ts'
import type { EquivocationProof } from '../../../../../protocol/log/equivocation.ts'
import { proveFork } from '../../../../../protocol/log/equivocation.ts'
import { LOG_ERROR_CODES, LogError } from '../../../../../protocol/log/log-error.ts'
import type { OriginStanding } from '../../../../../protocol/sync/sync-book.ts'
import { STATEMENT_ERROR_CODES, dispositionOf } from '../../../../../protocol/statement-error.ts'
import { makeLogStore, type LogStore } from '../../../../support/log-store.ts'
import { show, TestLog } from '../../../../support/logs.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { makeOperator, TEST_TIME } from '../../../../support/statements.ts'

const topic = createTopics('test').head
const alice = makeOperator('alice')
const NOW = TEST_TIME + 7200

let store: LogStore
let clock: ManualClock
let validator: Validator
let standing: OriginStanding
let gaps: string[]
let proofs: EquivocationProof[]

beforeEach(() => {
  standing = 'wanted'
  gaps = []
  proofs = []
  store = makeLogStore({ standing: () => standing })
  clock = new ManualClock(NOW)
  const heads = new Heads(store, clock)
  heads.connect({
    gap: ({ origin, size }, peer) => gaps.push(`${origin.n} ${size} ${peer}`),
    proven: (proof) => proofs.push(proof),
  })
  const unused = {
    isKnownMessage: () => false,
    kindOf: () => undefined,
    admitsSigner: () => 'known' as const,
    accept: () => Promise.reject(new Error('no statement is offered here')),
  }
  validator = new Validator(
    {
      crypto: nodeCrypto,
      clock,
      admission: unused,
      quotas: new Quotas(clock),
      prepare: async () => undefined,
      parking: new ParkingLot(),
      heads,
      shards: 1,
    },
    createLogger('silent'),
  )
})

async function find(data: Uint8Array, peer = 'peer'): Promise<string> {
  const before = new Map(validator.counts)
  const outcome = await validator.validate({ topic, data, peer })
  const code = [...validator.counts].find(([each, count]) => count !== before.get(each))?.[0]
  expect(outcome).toBe(outcomeOf(code!))
  return `${outcome}: ${code}`
}

const say = (log: TestLog, time?: number, size?: number): Promise<string> =>
  find(encodeHeadMessage(log.head(time, size).bytes))

describe('heads', () => {
  test('one whose leaves are not here is passed on, and its leaves are asked of who brought it', async () => {
    const log = new TestLog(alice).grow(3)
    expect(await say(log)).toBe('accept: gap')
    expect(gaps).toEqual(['0 3 peer'])
    expect(store.book.heads()).toEqual([])
  })

  test('a later one of what is here is taken, and the same again is not', async () => {
    const log = new TestLog(alice).grow(3)
    show(store.book, log)
    expect(await say(log, TEST_TIME + 10)).toBe('accept: stored')
    expect(await say(log, TEST_TIME + 10)).toBe('ignore: duplicate')
    expect(store.book.head(log.origin.text)?.time).toBe(TEST_TIME + 10)
  })

  test('an older one is dropped and costs its owner nothing', async () => {
    const log = new TestLog(alice).grow(3)
    show(store.book, log)
    for (let i = 0; i < 300; i++) {
      expect(await say(log, TEST_TIME - 10, 2)).toBe('ignore: duplicate')
    }
    expect(await say(log, TEST_TIME + 10)).toBe('accept: stored')
  })

  test('one dated more than ten minutes ahead is held', async () => {
    const log = new TestLog(alice).grow(3)
    expect(await say(log, NOW + 601)).toBe('ignore: dated-ahead')
    expect(store.book.held()).toHaveLength(1)
    expect(await say(new TestLog(makeOperator('bob')).grow(3), NOW + 600)).toBe('accept: gap')
  })

  test('one of a log that nobody wants is dropped', async () => {
    standing = 'unwanted'
    expect(await say(new TestLog(alice).grow(3))).toBe('ignore: unwanted-log')
    expect(gaps).toEqual([])
  })

  test('one of a key on no known card is dropped, and the card asked for', async () => {
    standing = 'needs-card'
    expect(await say(new TestLog(alice).grow(3))).toBe('ignore: unknown-card')
    expect(gaps).toEqual(['0 3 peer'])
  })

  test('an owner has 200 a day, whoever brings them', async () => {
    const log = new TestLog(alice).grow(3)
    show(store.book, log)
    for (let i = 1; i <= 200; i++) expect(await say(log, TEST_TIME + i)).toBe('accept: stored')
    expect(await say(log, TEST_TIME + 201)).toBe('ignore: over-key-quota')
    expect(await say(new TestLog(makeOperator('bob')).grow(1))).toBe('accept: gap')
    clock.advance(86_400)
    expect(await say(log, TEST_TIME + 202)).toBe('accept: stored')
  })

  test('lines of witnesses change nothing', async () => {
    const log = new TestLog(alice).grow(3)
    show(store.book, log)
    const { bytes } = log.head(TEST_TIME + 10)
    const witnessed = concat(bytes, utf8(`— witness.example AAAAAAAA\n`))
    expect(await find(encodeHeadMessage(witnessed))).toBe('accept: stored')
    expect(store.book.head(log.origin.text)?.bytes).toEqual(bytes)
  })
})

describe('two histories', () => {
  const begin = (): TestLog => new TestLog(alice).grow(3)

  test('a head against what is here is passed on as evidence, and the proof told once', async () => {
    show(store.book, begin().grow(5, 'one'))
    expect(await say(begin().grow(5, 'other'))).toBe('accept: forked')
    expect(proofs.map(({ kind }) => kind)).toEqual(['fork'])
    expect(await say(begin().grow(5, 'third'))).toBe('ignore: superseded')
    expect(proofs).toHaveLength(1)
  })

  test('a smaller one that is no beginning of what is here is found out too', async () => {
    show(store.book, begin().grow(5, 'one'))
    expect(await say(begin().grow(4, 'other'), TEST_TIME - 10)).toBe('accept: forked')
  })

  const proof = proveFork(begin().grow(5, 'one').head(), begin().grow(5, 'two').head(), nodeCrypto)

  test('a proof is taken once and passed on', async () => {
    expect(await find(encodeProofMessage(proof.bytes))).toBe('accept: stored')
    expect(store.book.proofs().map(({ id }) => id)).toEqual([proof.id])
    expect(await find(encodeProofMessage(proof.bytes))).toBe('ignore: duplicate')
  })

  test('a proof about a key that is of no interest is dropped', async () => {
    standing = 'unwanted'
    expect(await find(encodeProofMessage(proof.bytes))).toBe('ignore: unwanted-log')
    standing = 'needs-card'
    expect(await find(encodeProofMessage(proof.bytes))).toBe('ignore: unwanted-log')
  })

  test('two heads that do not contradict each other are no proof', async () => {
    const changed = proof.bytes.slice()
    changed[changed.length - 20]! ^= 1
    expect(await find(encodeProofMessage(changed))).toMatch(/^reject: /)
  })
})

describe('what is wrong for ever is rejected, what a later version may know is ignored', () => {
  const { bytes } = new TestLog(alice).grow(3).head()
  const flip = (at: number): Uint8Array => {
    const copy = bytes.slice()
    copy[at]! ^= 1
    return copy
  }
  const text = new TextDecoder().decode(bytes)

  test.each([
    ['nothing', new Uint8Array(), 'reject: truncated'],
    ['an unknown kind of message', concat(Uint8Array.of(3), bytes), 'ignore: unknown-message'],
    ['too long a note', encodeHeadMessage(new Uint8Array(16 * 1024 + 1)), 'reject: too-large'],
    ['too long a proof', encodeProofMessage(new Uint8Array(64 * 1024)), 'reject: too-large'],
    ['no note', encodeHeadMessage(utf8('hello')), 'reject: note-malformed'],
    [
      'another size than was signed',
      encodeHeadMessage(flip(text.indexOf('\n3\n') + 1)),
      'reject: bad-signature',
    ],
    [
      'a log of another system',
      encodeHeadMessage(utf8(text.replaceAll('rebuildnet.dev/log/', 'sum.golang.org/log/'))),
      'ignore: unknown-origin',
    ],
    ['no proof', encodeProofMessage(Uint8Array.of(1, 2, 3)), 'reject: proof-malformed'],
    ['a proof of unknown kind', encodeProofMessage(Uint8Array.of(1, 200)), 'ignore: unknown-proof'],
  ])('%s', async (_, data, found) => {
    expect(await find(data)).toBe(found)
  })

  test('a code of logs and one of statements of the same name deserve the same', () => {
    for (const code of LOG_ERROR_CODES) {
      const { disposition } = new LogError(code, '')
      expect(outcomeOf(code)).toBe(disposition)
      const shared = STATEMENT_ERROR_CODES.find((each) => each === (code as string))
      if (shared !== undefined) expect(dispositionOf(shared)).toBe(disposition)
    }
  })

  test('a peer that sends more than it may is ignored, not blamed', async () => {
    const log = new TestLog(alice).grow(3)
    show(store.book, log)
    const message = encodeHeadMessage(log.head().bytes)
    for (let i = 0; i < 2000; i++) await validator.validate({ topic, data: message, peer: 'flood' })
    expect(await find(message, 'flood')).toBe('ignore: over-peer-budget')
    expect(await find(message, 'other')).toBe('ignore: duplicate')
  })
})
