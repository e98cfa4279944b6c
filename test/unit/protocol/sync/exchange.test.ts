import { expect, test } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { concat, parseHex, utf8 } from '../../../../protocol/bytes.ts'
import type { CreatedStatement } from '../../../../protocol/create-statement.ts'
import { preAuthEncoding } from '../../../../protocol/dsse.ts'
import { encodeEnvelope } from '../../../../protocol/envelope.ts'
import { proveFork, type EquivocationProof } from '../../../../protocol/log/equivocation.ts'
import type { Head } from '../../../../protocol/log/head.ts'
import { CARD_TAG } from '../../../../protocol/log/leaf.ts'
import { makeOrigin } from '../../../../protocol/log/origin.ts'
import { sidOf } from '../../../../protocol/sid.ts'
import {
  encodeAnswer,
  parseAnswer,
  type LeafRun,
  type SyncAnswer,
} from '../../../../protocol/sync/answers.ts'
import type { SyncRow } from '../../../../protocol/sync/query.ts'
import { encodeRequest } from '../../../../protocol/sync/requests.ts'
import { refusal, serveSync } from '../../../../protocol/sync/server.ts'
import { SyncBook } from '../../../../protocol/sync/sync-book.ts'
import { TestLog, leafNamed, show, TEST_TAG } from '../../../support/logs.ts'
import { makeLogStore, type LogStore } from '../../../support/log-store.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_TIME,
} from '../../../support/statements.ts'
import { exchange } from '../../../support/sync-exchange.ts'

const alice = makeOperator('alice')
const release = makeRelease()
const rebuild = makeRebuild({ release })

const types = (report: { requests: readonly { type: string }[] }): string[] =>
  report.requests.map(({ type }) => type)

/** A store that holds one log, and the statements that are named in it. */
function holding(log: TestLog, ...statements: CreatedStatement[]): LogStore {
  const store = makeLogStore()
  show(store.book, log)
  store.take(...statements)
  return store
}

const heads = (store: LogStore): string[] =>
  store.book.heads().map(({ origin, size, root, time }) => `${origin.text} ${size} ${root} ${time}`)

test('everything comes that is missing, in one round each for rows, heads, leaves, cards and the rest', () => {
  const log = new TestLog(alice).add(alice.card, rebuild, 'of another time')
  const server = holding(log, alice.card, rebuild)
  const client = makeLogStore()
  const report = exchange(client, server)
  expect(types(report)).toEqual(['query', 'heads', 'leaves', 'bodies'])
  expect(report.result).toEqual({ heads: 1, statements: 2, complete: true })
  expect(heads(client)).toEqual(heads(server))
  expect([...client.bodies.keys()].sort()).toEqual([...server.bodies.keys()].sort())
})

test('one digest tells two nodes that they have the same', () => {
  const log = new TestLog(alice).add(alice.card, rebuild)
  const [one, two] = [1, 2].map(() => holding(log, alice.card, rebuild))
  const report = exchange(one!, two!)
  expect(types(report)).toEqual(['query'])
  expect(report.answered).toEqual([1])
  expect(report.result.complete).toBe(true)
})

test('what another exchange has asked for is left to it, and said to be', () => {
  const log = new TestLog(alice).add(alice.card, rebuild)
  const server = holding(log, alice.card, rebuild)
  const client = makeLogStore()
  const coming = new Set([rebuild.statement.sid])
  const { result } = exchange(client, server, { coming })
  expect(result).toEqual({ heads: 1, statements: 1, complete: true, shared: true })
  expect([...coming]).toEqual([rebuild.statement.sid])
  coming.clear()
  expect(exchange(client, server, { coming }).result).toEqual({
    heads: 0,
    statements: 1,
    complete: true,
  })
})

test('bodies that are missing under a log that both have are asked for all the same', () => {
  const log = new TestLog(alice).add(alice.card, rebuild)
  const client = holding(log)
  const report = exchange(client, holding(log, alice.card, rebuild))
  expect(types(report)).toEqual(['query', 'bodies'])
  expect(client.bodies.size).toBe(2)
})

test('bodies of other projects stay where they are', () => {
  const foreign = makeRelease({ image: 'registry.example/other/app' })
  const log = new TestLog(alice).add(foreign, rebuild)
  const client = makeLogStore()
  exchange(client, holding(log, foreign, rebuild))
  expect([...client.bodies.keys()]).toEqual([rebuild.statement.sid])
})

test('a later head of the same leaves costs no leaves', () => {
  const log = new TestLog(alice).add(rebuild)
  const client = holding(log, rebuild)
  const server = holding(log, rebuild)
  show(server.book, log, TEST_TIME + 600)
  expect(types(exchange(client, server))).toEqual(['query', 'heads'])
  expect(heads(client)).toEqual(heads(server))
})

test('only the leaves that are missing are sent', () => {
  const log = new TestLog(alice).grow(2000)
  const client = holding(log)
  log.grow(2003)
  const report = exchange(client, holding(log))
  expect(report.requests.find(({ type }) => type === 'leaves')).toMatchObject({
    ranges: [{ from: 2000, to: 2003 }],
  })
  expect(client.book.head(log.origin.text)?.size).toBe(2003)
})

test('who has more than the other learns nothing and asks for nothing', () => {
  const log = new TestLog(alice).grow(5)
  const behind = holding(log)
  log.grow(9)
  const ahead = holding(log)
  const report = exchange(ahead, behind)
  expect(types(report)).toEqual(['query', 'bodies'])
  expect(ahead.book.head(log.origin.text)?.size).toBe(9)
})

test('a full log comes, over several answers', () => {
  const log = new TestLog(alice).grow(65_536)
  const client = makeLogStore()
  const report = exchange(client, holding(log))
  expect(client.book.head(log.origin.text)?.size).toBe(65_536)
  expect(types(report).filter((type) => type === 'leaves')).toHaveLength(2)
  expect(Math.max(...report.answered)).toBeLessThanOrEqual(64 * 1024)
})

test('hundreds of logs come, and go on where the rounds ended', () => {
  const server = makeLogStore()
  for (let i = 0; i < 610; i++) {
    const statement = makeRebuild({ release, operator: makeOperator(`voter ${i}`) })
    show(server.book, new TestLog(makeOperator(`voter ${i}`)).add(statement))
    server.take(statement)
  }
  const client = makeLogStore()
  const report = exchange(client, server)
  expect(report.result).toEqual({ heads: 610, statements: 610, complete: true })
  // Rows, and twice heads, leaves and bodies: a request names 600 at most.
  expect(types(report)).toHaveLength(7)
  expect(Math.max(...report.answered)).toBeLessThanOrEqual(64 * 1024)
})

test('what does not fit in the rounds of one exchange is left for another', () => {
  const many = Array.from({ length: 40_000 }, (_, i) => leafNamed(`missing ${i}`))
  const log = new TestLog(alice).add(...many)
  const client = makeLogStore()
  const server = holding(log)
  const { result, requests } = exchange(client, server)
  expect(requests).toHaveLength(64)
  expect(result).toEqual({ heads: 1, statements: 0, complete: false })
})

test('a statement that was declined is not asked for again, until that is forgotten', () => {
  const log = new TestLog(alice).add(rebuild)
  const client = holding(log)
  client.book.bodyArrived(rebuild.statement, rebuild.bytes, false)
  expect(types(exchange(client, holding(log, rebuild)))).toEqual(['query'])
  client.book.forgetDeclined()
  expect(types(exchange(client, holding(log, rebuild)))).toEqual(['query', 'bodies'])
  expect([...client.bodies.keys()]).toEqual([rebuild.statement.sid])
})

test('a statement of another key is fetched once, though it is never here for the log that lists it', () => {
  const bob = makeOperator('bob')
  const foreign = makeRebuild({ operator: bob, release })
  const log = new TestLog(alice).add(rebuild, foreign)
  const server = holding(log, rebuild, foreign)
  const client = makeLogStore()
  exchange(client, server)
  const name = log.origin.text
  expect(client.book.proofs().map(({ kind }) => kind)).toEqual(['misfiled'])
  expect([...client.book.missingBodies(name)]).toEqual([foreign.statement.sid])
  expect(types(exchange(client, server))).not.toContain('bodies')
  // Its own log is another matter.
  client.bodies.delete(foreign.statement.sid)
  const own = new TestLog(bob).add(foreign)
  show(server.book, own)
  server.settle()
  expect(exchange(client, server).result.statements).toBe(1)
  expect([...client.book.missingBodies(own.origin.text)]).toEqual([])
})

test('what came before the peer went away is stored', () => {
  const many = Array.from({ length: 80 }, (_, i) =>
    makeRebuild({ release, finished: TEST_TIME + 3600 + i }),
  )
  const server = holding(new TestLog(alice).add(...many), ...many)
  const client = makeLogStore()
  let frames = 0
  const leave = (frame: Uint8Array): Uint8Array[] => {
    const answer = parseAnswer(frame)
    if (answer.type === 'bodies') frames++
    return frames > 1 ? [] : [frame]
  }
  expect(() => exchange(client, server, { alter: leave })).toThrow(/hung up/)
  expect(frames).toBeGreaterThan(1)
  expect(client.bodies.size).toBeGreaterThan(10)
})

test('what is asked for next does not wait for the answer to what was asked for last', () => {
  const many = Array.from({ length: 1300 }, (_, i) => leafNamed(`missing ${i}`))
  const server = holding(new TestLog(alice).add(...many))
  const sent: string[] = []
  const client = makeLogStore()
  exchange(client, server, {
    alter: (frame) => {
      sent.push(parseAnswer(frame).type)
      return [frame]
    },
    asked: ({ type }) => sent.push(`ask ${type}`),
  })
  expect(sent.slice(-6)).toEqual([
    'ask bodies',
    'ask bodies',
    'bodies',
    'bodies',
    'ask bodies',
    'bodies',
  ])
})

test('a statement that only a later version can read is left alone, and nobody is blamed', () => {
  const payload = utf8(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'x', digest: { sha256: hexOf('x') } }],
      predicateType: 'https://rebuildnet.dev/prophecy/v9',
      predicate: {},
    }),
  )
  const envelope = { publicKey: parseHex(alice.key.publicKey)!, payload }
  const bytes = encodeEnvelope({ ...envelope, signature: alice.key.sign(preAuthEncoding(payload)) })
  const sid = sidOf(envelope, nodeCrypto)
  const log = new TestLog(alice).add({ kind: 'statement', sid, tag: TEST_TAG }, rebuild)
  const server = holding(log, rebuild)
  server.bodies.set(sid, { statement: rebuild.statement, bytes })
  const client = makeLogStore()
  expect(exchange(client, server).result).toMatchObject({ complete: true })
  expect([...client.bodies.keys()]).toEqual([rebuild.statement.sid])
  expect([...client.book.missingBodies(log.origin.text)]).toEqual([sid])
  expect(types(exchange(client, server))).toEqual(['query'])
})

test('logs that nobody wants here are not taken, and those whose key is unknown only with their card', () => {
  const bob = makeOperator('bob')
  const server = makeLogStore()
  for (const operator of [alice, bob]) {
    show(server.book, new TestLog(operator).add(operator.card))
    server.take(operator.card)
  }
  const query = { operators: [alice.id, bob.id], keys: [], tags: [] }
  const client = makeLogStore({
    query,
    standing: ({ operator }, store) => {
      if (operator !== alice.id) return 'unwanted'
      return store.bodies.has(alice.card.statement.sid) ? 'wanted' : 'needs-card'
    },
  })
  const report = exchange(client, server)
  expect(client.book.heads().map(({ origin }) => origin.operator)).toEqual([alice.id])
  expect(types(report)).toEqual(['query', 'heads', 'bodies', 'leaves'])
})

test('a card that was lost here comes again, though no head of its log is new', () => {
  const log = new TestLog(alice).add(alice.card, rebuild)
  const server = holding(log, alice.card, rebuild)
  const { sid } = alice.card.statement
  const client = makeLogStore({
    standing: (_, store) => (store.bodies.has(sid) ? 'wanted' : 'needs-card'),
  })
  exchange(client, server)
  expect(client.bodies.has(sid)).toBe(true)
  client.bodies.delete(sid)
  client.book.bodyLost(sid)
  const report = exchange(client, server)
  expect(types(report)).toEqual(['query', 'bodies'])
  expect(client.bodies.has(sid)).toBe(true)
})

test('a proof comes also from a peer that keeps none of the logs that it speaks of', () => {
  const log = new TestLog(alice).grow(3)
  const fork = new TestLog(alice).grow(3, 'another')
  const query = { operators: [alice.id], keys: [], tags: [] }
  const server = makeLogStore({ query })
  server.book.addProof(proveFork(log.head(), fork.head(), nodeCrypto))
  const client = makeLogStore({ query })
  show(client.book, log)
  const report = exchange(client, server)
  expect(types(report)).toEqual(['query', 'proofs'])
  expect(client.book.proofs()).toHaveLength(1)
  const newcomer = makeLogStore({ query })
  exchange(newcomer, server)
  expect(newcomer.book.proofs()).toHaveLength(1)
  // From then on they have the same.
  expect(types(exchange(newcomer, server))).toEqual(['query'])
})

test('a proof brings the card without which nobody is blamed, from a peer that keeps no head which names it', () => {
  const log = new TestLog(alice).grow(3)
  const fork = new TestLog(alice).grow(3, 'another')
  const query = { operators: [alice.id], keys: [], tags: [] }
  const server = makeLogStore({ query })
  server.take(alice.card)
  server.book.addProof(proveFork(log.head(), fork.head(), nodeCrypto))
  const { sid } = alice.card.statement
  const client = makeLogStore({
    query,
    standing: (_, store) => (store.bodies.has(sid) ? 'wanted' : 'needs-card'),
  })
  const report = exchange(client, server)
  expect(types(report)).toEqual(['query', 'proofs', 'bodies', 'heads'])
  expect(client.bodies.has(sid)).toBe(true)
  expect(client.book.proofs()).toHaveLength(1)
})

test('gaps are filled without a look at anything else', () => {
  const log = new TestLog(alice).add(rebuild)
  const server = holding(log, rebuild)
  show(server.book, new TestLog(makeOperator('bob')).grow(3))
  const client = makeLogStore()
  const report = exchange(client, server, { gaps: [log.head()] })
  expect(types(report)).toEqual(['leaves', 'bodies'])
  expect(client.book.heads()).toHaveLength(1)
  expect(report.result).toEqual({ heads: 1, statements: 1, complete: false })
})

test('a peer that cannot fill a gap has not lied: it only passed the head on', () => {
  const log = new TestLog(alice).grow(4)
  const client = makeLogStore()
  const report = exchange(client, makeLogStore(), { gaps: [log.head()] })
  expect(report.result).toMatchObject({ heads: 0 })
  const otherwise = new TestLog(alice).grow(4, 'other')
  expect(exchange(client, holding(otherwise), { gaps: [log.head()] }).result.heads).toBe(0)
})

test.each([
  ['a larger fork', 7, 1],
  ['a smaller fork', 4, -1],
  ['a fork of the same size', 5, 1],
  ['an earlier fork of the same size', 5, -1],
])('%s is proven by what the peer shows, which is no lie of the peer', (_, size, later) => {
  const begin = (): TestLog => new TestLog(alice).grow(3)
  const client = holding(begin().grow(5, 'mine'))
  const server = makeLogStore()
  show(server.book, begin().grow(size, 'theirs'), TEST_TIME + later * 60)
  const report = exchange(client, server)
  expect(report.proofs).toHaveLength(1)
  expect(client.book.proofAbout(alice.id, alice.key.publicKey)).toBeDefined()
  expect(report.result.complete).toBe(true)
  // Once it is proven nothing more is asked about it, unless it grows.
  const again = exchange(client, server)
  expect(again.proofs).toEqual([])
  expect(types(again)).not.toContain('proofs')
})

test('a proof goes from one to the other, about whichever log of the key', () => {
  const server = holding(new TestLog(alice).grow(5))
  server.book.offerHead(new TestLog(alice).grow(5, 'other').head(), TEST_TIME)
  const first = new TestLog(alice).grow(5)
  show(server.book, first.next(alice).add('later'), TEST_TIME + 60)
  const client = makeLogStore()
  const report = exchange(client, server)
  expect(report.proofs).toHaveLength(1)
  expect(client.book.proofAbout(alice.id, alice.key.publicKey)).toBeDefined()
})

const twice = ({ place, slots }: LeafRun): LeafRun => ({ place, slots: concat(slots, slots) })

const flipAt40 = (byte: number, i: number): number => (i === 40 ? byte ^ 1 : byte)

const bobsProof = ((): EquivocationProof => {
  const fork = (word: string): Head => new TestLog(makeOperator('bob')).grow(5, word).head()
  return proveFork(fork('one'), fork('two'), nodeCrypto)
})()

/** In answers of 64 frames each, in order, and of a log that nobody has. */
function manyRows(like: SyncRow): SyncAnswer[] {
  const { operator } = like.origin
  const rows = Array.from({ length: 65_600 }, (_, i): SyncRow => {
    const key = (i < 60_000 ? '0' : '1').repeat(64)
    return { ...like, origin: makeOrigin(operator, key, i % 60_000) }
  })
  const frames = Array.from({ length: 164 }, (_, i) => rows.slice(i * 400, (i + 1) * 400))
  return frames.map((part, i) => ({
    type: 'rows',
    more: i % 64 === 63 || i === 163 ? 2 : 1,
    rows: part,
  }))
}

const endless = Array.from({ length: 70 }, (): SyncAnswer => ({ type: 'rows', more: 1, rows: [] }))

const LIES: [string, (answer: SyncAnswer) => SyncAnswer | readonly SyncAnswer[]][] = [
  ['something else than was asked for', () => ({ type: 'bodies', more: 0, items: [] })],
  ['frames without end', () => endless],
  ['an empty answer that goes on', () => ({ type: 'rows', more: 2, rows: [] })],
  [
    '"same" after rows',
    (answer) => (answer.type === 'rows' ? [{ ...answer, more: 1 }, { type: 'same' }] : answer),
  ],
  [
    'an older head than its row says',
    (answer) =>
      answer.type === 'rows'
        ? { ...answer, rows: answer.rows.map((row) => ({ ...row, time: row.time + 1 })) }
        : answer,
  ],
  [
    'leaves in the wrong order',
    (answer) =>
      answer.type === 'leaves'
        ? {
            ...answer,
            runs: answer.runs.map(({ place, slots }) => ({
              place,
              slots: Uint8Array.of(...slots.subarray(49), ...slots.subarray(0, 49)),
            })),
          }
        : answer,
  ],
  [
    'leaves of a place that was not asked for',
    (answer) =>
      answer.type === 'leaves'
        ? { ...answer, runs: answer.runs.map((run) => ({ ...run, place: 1 })) }
        : answer,
  ],
  [
    'no leaves of a log that it says it has',
    (answer) => (answer.type === 'leaves' ? { ...answer, runs: [] } : answer),
  ],
  [
    'more leaves than were asked for',
    (answer) =>
      answer.type === 'leaves' ? { ...answer, runs: answer.runs.map((run) => twice(run)) } : answer,
  ],
  [
    'an empty list of heads that goes on',
    (answer) => (answer.type === 'heads' ? { ...answer, more: 2, items: [] } : answer),
  ],
  [
    'a head of another log',
    (answer) =>
      answer.type === 'heads'
        ? { ...answer, items: [new TestLog(makeOperator('bob')).grow(9).head(TEST_TIME + 9).bytes] }
        : answer,
  ],
  [
    'a body whose signature does not verify',
    (answer) =>
      answer.type === 'bodies'
        ? { ...answer, items: answer.items.map((item) => Uint8Array.from(item, flipAt40)) }
        : answer,
  ],
  [
    'a proof about another key',
    (answer) => {
      if (answer.type === 'rows') {
        return { ...answer, rows: answer.rows.map((row) => ({ ...row, proven: true })) }
      }
      return answer.type === 'proofs' ? { ...answer, items: [bobsProof.bytes] } : answer
    },
  ],
  [
    'a body that nobody asked for',
    (answer) => (answer.type === 'bodies' ? { ...answer, items: [release.bytes] } : answer),
  ],
]

test.each(LIES)('%s ends the exchange as the fault of the peer', (_, alter) => {
  const log = new TestLog(alice).add(alice.card, rebuild)
  const server = holding(log, alice.card, rebuild)
  const run = (): unknown =>
    exchange(makeLogStore(), server, {
      alter: (frame) => [alter(parseAnswer(frame))].flat().map(encodeAnswer),
    })
  expect(run).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(malformed|lie)$/) as string }),
  )
})

test.each([
  ['busy', 'busy'],
  ['unavailable', 'busy'],
  ['bad-request', 'refused'],
  ['too-many-rounds', 'refused'],
] as const)('the refusal "%s" is no lie', (code, expected) => {
  const alter = (): Uint8Array[] => [encodeAnswer({ type: 'error', code })]
  const run = (): unknown => exchange(makeLogStore(), makeLogStore(), { alter })
  expect(run).toThrow(expect.objectContaining({ code: expected }))
})

test('a peer that hangs up has not lied', () => {
  const run = (): unknown => exchange(makeLogStore(), makeLogStore(), { alter: () => [] })
  expect(run).toThrow(expect.objectContaining({ code: 'ended' }))
})

test('many wants go in several queries, which together are the whole', () => {
  const operators = Array.from({ length: 700 }, (_, i) => makeOperator(`voter ${i}`).id)
  const query = { operators, keys: [], tags: [CARD_TAG] }
  const report = exchange(makeLogStore({ query }), makeLogStore())
  const asked = report.requests.flatMap((request) =>
    request.type === 'query' ? request.query.operators : [],
  )
  expect(asked.sort()).toEqual([...operators].sort())
  expect(report.requests).toHaveLength(3)
})

test('a server that lists what was not asked for is at fault', () => {
  const log = new TestLog(alice).add(rebuild)
  const query = { operators: [makeOperator('bob').id], keys: [], tags: [] }
  const row: SyncRow = { ...log.head(), proven: false }
  const alter = (frame: Uint8Array): Uint8Array[] =>
    parseAnswer(frame).type === 'same'
      ? [encodeAnswer({ type: 'rows', more: 0, rows: [row] })]
      : [frame]
  const run = (): unknown => exchange(makeLogStore({ query }), holding(log, rebuild), { alter })
  expect(run).toThrow(expect.objectContaining({ code: 'malformed' }))
})

test('more rows than a node keeps are no answer, though none of them is wanted', () => {
  const row: SyncRow = { ...new TestLog(alice).head(), proven: false }
  let asked = 0
  const alter = (): Uint8Array[] =>
    asked++ === 0 ? manyRows(row).map(encodeAnswer) : [encodeAnswer({ type: 'same' })]
  const client = makeLogStore({ standing: () => 'unwanted' })
  const run = (): unknown => exchange(client, makeLogStore(), { alter })
  expect(run).toThrow(/more logs than a node keeps/)
})

test('leaves whose places go backwards from frame to frame are no answer', () => {
  const store = makeLogStore()
  for (const name of ['alice', 'bob']) {
    show(store.book, new TestLog(makeOperator(name)).add('one', rebuild))
  }
  const alter = (frame: Uint8Array): Uint8Array[] => {
    const answer = parseAnswer(frame)
    if (answer.type !== 'leaves') return [frame]
    const [first, second] = answer.runs as [LeafRun, LeafRun]
    return [
      encodeAnswer({ type: 'leaves', more: 1, runs: [second] }),
      encodeAnswer({ type: 'leaves', more: 0, runs: [first] }),
    ]
  }
  const run = (): unknown => exchange(makeLogStore(), store, { alter })
  expect(run).toThrow(expect.objectContaining({ code: 'malformed' }))
})

test('more leaves than a gap has are no answer', () => {
  const log = new TestLog(alice).grow(4)
  const alter = (frame: Uint8Array): Uint8Array[] => {
    const answer = parseAnswer(frame)
    if (answer.type !== 'leaves') return [frame]
    return [encodeAnswer({ ...answer, runs: answer.runs.map(twice) })]
  }
  const run = (): unknown => exchange(makeLogStore(), holding(log), { gaps: [log.head()], alter })
  expect(run).toThrow(expect.objectContaining({ code: 'malformed' }))
})

test('a log is found by its key alone', () => {
  const query = { operators: [], keys: [alice.key.publicKey], tags: [] }
  const client = makeLogStore({ query })
  exchange(client, holding(new TestLog(alice).add(alice.card), alice.card))
  expect(client.book.heads()).toHaveLength(1)
  expect([...client.bodies.keys()]).toEqual([alice.card.statement.sid])
})

test('what a log speaks of is looked at again when it grows', () => {
  const { book } = makeLogStore()
  const log = new TestLog(alice).add(alice.card)
  show(book, log)
  const view = new SyncBook(book)
  const query = { operators: [], keys: [], tags: [TEST_TAG] }
  expect(view.rows(query)).toEqual([])
  show(book, log.add(rebuild))
  expect(view.rows(query)).toHaveLength(1)
})

test('a log is found by what its later leaves speak of', () => {
  const log = new TestLog(alice).add(alice.card)
  const server = holding(log, alice.card)
  const client = makeLogStore()
  expect(exchange(client, server).result.heads).toBe(0)
  show(server.book, log.add(rebuild))
  server.take(rebuild)
  expect(exchange(client, server).result).toMatchObject({ heads: 1, statements: 2 })
})

test('a card that is not of the operator opens no log, and is not taken', () => {
  const mallory = makeOperator('mallory')
  const server = makeLogStore()
  const inHerName = new TestLog(mallory, 0, alice.id).add(mallory.card)
  show(server.book, inHerName)
  server.take(mallory.card)
  const query = { operators: [alice.id], keys: [], tags: [] }
  const taken = (client: LogStore): string[] => [...client.bodies.keys()]
  const client = makeLogStore({ query, standing: () => 'needs-card' })
  expect(exchange(client, server).result).toEqual({ heads: 0, statements: 0, complete: true })
  expect(taken(client)).toEqual([])
})

test('statements of the newest logs are asked for first', () => {
  const server = makeLogStore()
  const names = Array.from({ length: 5 }, (_, i) => `voter ${i}`)
  const statements = names.map((name) => {
    const statement = makeRebuild({ release, operator: makeOperator(name) })
    server.take(statement)
    return statement
  })
  const client = makeLogStore()
  for (const { book } of [client, server]) {
    // A thousand of another log were known before, and are older.
    show(book, new TestLog(alice).grow(1000), TEST_TIME)
    names.forEach((name, i) => {
      show(book, new TestLog(makeOperator(name)).add(statements[i]!), TEST_TIME + 1 + i)
    })
  }
  const { requests } = exchange(client, server)
  const first = requests.find((request) => request.type === 'bodies')
  const wanted = statements.map(({ statement }) => statement.sid)
  expect(first?.type === 'bodies' && wanted.every((sid) => first.sids.includes(sid))).toBe(true)
})

test('a server counts the rounds, whatever is asked', () => {
  const server = serveSync({ crypto: nodeCrypto, book: new SyncBook(makeLogStore().book) })
  const request = encodeRequest({ type: 'heads', origins: [new TestLog(alice).origin] })
  const answers: Uint8Array[] = []
  for (const step of server) {
    if (step.type === 'send') answers.push(step.frame)
    else if (step.type === 'receive') step.frame = request
  }
  expect(answers).toHaveLength(65)
  expect(answers.at(-1)).toEqual(refusal('too-many-rounds'))
})
