/** Both sides of an exchange, joined without a network between them. */
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../../../../node/crypto/node-crypto.ts'
import type { SyncWants } from '../../../../../node/network/admission.ts'
import {
  encodeAnswer,
  encodeRequest,
  parseAnswer,
  parseRequest,
} from '../../../../../node/network/sids/frames.ts'
import { fetchSids, type FetchResult } from '../../../../../node/network/sids/fetch.ts'
import { serveSids } from '../../../../../node/network/sids/serve.ts'
import { parseHex, utf8 } from '../../../../../protocol/bytes.ts'
import type { CreatedStatement } from '../../../../../protocol/create-statement.ts'
import { preAuthEncoding } from '../../../../../protocol/dsse.ts'
import { encodeEnvelope } from '../../../../../protocol/envelope.ts'
import { openStatement } from '../../../../../protocol/open-statement.ts'
import { sidOf } from '../../../../../protocol/sid.ts'
import type { SignedStatement } from '../../../../../protocol/statement.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  TEST_IMAGE,
} from '../../../../support/statements.ts'

const WANTS: SyncWants = { images: [TEST_IMAGE], operators: [] }

/** A shelf of statements that lists all it has, whatever is wanted. */
class Shelf {
  readonly bodies = new Map<string, Uint8Array>()
  readonly requests: Uint8Array[] = []
  readonly wants: SyncWants[] = []

  constructor(statements: readonly CreatedStatement[] = []) {
    for (const { statement, bytes } of statements) this.bodies.set(statement.sid, bytes)
  }

  async listSids(
    wants: SyncWants,
    after: string | undefined,
    limit: number,
  ): Promise<readonly string[]> {
    this.wants.push(wants)
    return [...this.bodies.keys()]
      .sort()
      .filter((sid) => after === undefined || sid > after)
      .slice(0, limit)
  }

  async read(sid: string): Promise<Uint8Array | undefined> {
    return this.bodies.get(sid)
  }
}

interface Caught {
  readonly result: FetchResult
  readonly taken: SignedStatement[]
  readonly declined: string[]
  readonly rounds: number
}

/** Runs the asking side against `serve`, which answers one request with some frames. */
async function fetchFrom(
  serve: (requests: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
  wants = WANTS,
  has: ReadonlySet<string> = new Set(),
): Promise<Caught> {
  const requests: Uint8Array[] = []
  let wake: () => void = () => undefined
  const state = { over: false }
  const incoming = (async function* () {
    for (;;) {
      const next = requests.shift()
      if (next !== undefined) yield next
      else if (state.over) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  })()
  const caught = { taken: [] as SignedStatement[], declined: [] as string[] }
  const result: FetchResult = { fetched: 0, complete: false }
  let rounds = 0
  const asking = fetchSids(
    serve(incoming),
    {
      crypto: nodeCrypto,
      wants,
      isMissing: (sid) => !has.has(sid) && !caught.taken.some((each) => each.sid === sid),
      take: async (statement, bytes) => {
        expect(openStatement(bytes, nodeCrypto)).toEqual(statement)
        caught.taken.push(statement)
      },
      decline: (sid) => caught.declined.push(sid),
    },
    result,
  )
  try {
    for await (const request of asking) {
      rounds++
      requests.push(request)
      wake()
    }
  } finally {
    state.over = true
    wake()
  }
  return { ...caught, result, rounds }
}

const serveFrom =
  (shelf: Shelf) =>
  (requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> =>
    serveSids(requests, shelf, (error) => expect.unreachable(String(error)))

async function collect(frames: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const frame of frames) all.push(frame)
  return all
}

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}

const release = makeRelease()
const rebuild = makeRebuild({ release })
const all = [release, rebuild, makeWithdrawal({ withdraws: rebuild }), makeOperator().card]

test('everything that is missing comes, cards and releases before what speaks of them', async () => {
  const { taken, result, rounds } = await fetchFrom(serveFrom(new Shelf(all)))
  expect(taken.map(({ body }) => body.kind)).toEqual([
    'operator',
    'release',
    'rebuild',
    'withdrawal',
  ])
  expect(result).toEqual({ fetched: 4, complete: true })
  expect(rounds).toBe(2)
})

test('what is here is not asked for', async () => {
  const has = new Set(all.slice(1).map(({ statement }) => statement.sid))
  const shelf = new Shelf(all)
  const { taken } = await fetchFrom(serveFrom(shelf), WANTS, has)
  expect(taken.map(({ sid }) => sid)).toEqual([release.statement.sid])
})

test('many wants go in several requests', async () => {
  const shelf = new Shelf(all)
  const images = Array.from({ length: 230 }, (_, i) => `registry.example/app${i}`)
  const { result } = await fetchFrom(serveFrom(shelf), { images, operators: [] })
  expect(shelf.wants.map((wants) => wants.images.length)).toEqual([100, 100, 30])
  expect(shelf.wants.flatMap((wants) => wants.images).sort()).toEqual([...images].sort())
  expect(result).toEqual({ fetched: 4, complete: true })
})

test('bodies that do not fit in one frame come in several, each within the limit', async () => {
  const operator = makeOperator('wordy')
  const many = Array.from({ length: 100 }, (_, i) =>
    makeRebuild({ operator, release, digest: `result ${i}` }),
  )
  const shelf = new Shelf(many)
  const sizes: number[] = []
  const { taken } = await fetchFrom(async function* (requests) {
    for await (const frame of serveFrom(shelf)(requests)) {
      sizes.push(frame.length)
      yield frame
    }
  })
  expect(taken).toHaveLength(100)
  expect(sizes.length).toBeGreaterThan(3)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024)
})

test('a peer that has more than one exchange holds is left unfinished, and the next one goes on', async () => {
  // 39,000 sids are more than 64 frames of 600, and none of them is a statement that it has.
  const sids = Array.from({ length: 39_000 }, (_, i) => hexOf(`sid ${i}`)).sort()
  const shelf = new Shelf()
  shelf.listSids = async (_, after, limit) => {
    const from = after === undefined ? 0 : sids.findIndex((sid) => sid > after)
    return from < 0 ? [] : sids.slice(from, from + limit)
  }
  const { result, rounds } = await fetchFrom(serveFrom(shelf))
  // One list in 64 frames, and then 63 rounds for bodies that never come.
  expect(rounds).toBe(64)
  expect(result.complete).toBe(false)
  const known = new Set(sids)
  const again = await fetchFrom(serveFrom(shelf), WANTS, known)
  expect(again.rounds).toBe(2)
  expect(again.result.complete).toBe(true)
})

test('a statement that only a later version can read is left alone, and nobody is blamed', async () => {
  const shelf = new Shelf([release])
  const { key } = makeOperator('from the future')
  const payload = utf8(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'x', digest: { sha256: hexOf('x') } }],
      predicateType: 'https://rebuildnet.dev/prophecy/v9',
      predicate: {},
    }),
  )
  const envelope = { publicKey: parseHex(key.publicKey)!, payload }
  const signature = key.sign(preAuthEncoding(payload))
  const sid = sidOf(envelope, nodeCrypto)
  shelf.bodies.set(sid, encodeEnvelope({ ...envelope, signature }))
  const newer = release.bytes.slice()
  newer[0] = 2
  shelf.bodies.set(hexOf('newer'), newer)

  const { taken, declined, result } = await fetchFrom(serveFrom(shelf))
  expect(taken.map((statement) => statement.sid)).toEqual([release.statement.sid])
  expect(declined).toEqual([sid])
  expect(result).toEqual({ fetched: 1, complete: true })
})

test.each([
  ['another statement', makeRelease({ version: '9' }).bytes],
  ['a statement with a broken signature', flip(release.bytes, 40)],
  ['no statement', Uint8Array.of(1, 2, 3)],
])('%s under a sid that was asked for is a lie', async (_, bytes) => {
  const shelf = new Shelf()
  shelf.bodies.set(release.statement.sid, bytes)
  await expect(fetchFrom(serveFrom(shelf))).rejects.toMatchObject({ code: 'sync-lie' })
})

test('the same body twice is a lie', async () => {
  const { sid } = release.statement
  const twice = { type: 'bodies', more: 0, bodies: [release.bytes, release.bytes] } as const
  const answers = [encodeAnswer({ type: 'sids', more: 0, sids: [sid] }), encodeAnswer(twice)]
  await expect(fetchFrom(() => each(...answers))).rejects.toMatchObject({ code: 'sync-lie' })
})

test('frames without end are refused', async () => {
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield encodeAnswer({ type: 'sids', more: 1, sids: [] })
  }
  await expect(fetchFrom(endless)).rejects.toMatchObject({ code: 'sync-protocol' })
})

test.each([
  ['busy', 'sync-busy'],
  ['unavailable', 'sync-busy'],
  ['bad-request', 'sync-refused'],
  ['too-many-rounds', 'sync-refused'],
] as const)('the refusal "%s" is no lie', async (code, expected) => {
  const answer = encodeAnswer({ type: 'error', code })
  await expect(fetchFrom(() => each(answer))).rejects.toMatchObject({ code: expected })
})

test('a peer that hangs up has not lied', async () => {
  await expect(fetchFrom(() => each())).rejects.toMatchObject({ code: 'sync-ended' })
})

test('the server refuses what is no request, and says so', async () => {
  const answers = await collect(serveFrom(new Shelf(all))(each(Uint8Array.of(9), Uint8Array.of(9))))
  expect(answers.map(parseAnswer)).toEqual([{ type: 'error', code: 'bad-request' }])
})

test('the server does not pass off a broken store for an empty one', async () => {
  const failures: unknown[] = []
  const broken = { listSids: () => Promise.reject(new Error('disk')), read: async () => undefined }
  const list = encodeRequest({ type: 'list', wants: WANTS, after: undefined })
  expect(parseRequest(list)).toMatchObject({ type: 'list' })
  const answers = await collect(serveSids(each(list), broken, (error) => failures.push(error)))
  expect(answers.map(parseAnswer)).toEqual([{ type: 'error', code: 'unavailable' }])
  expect(failures).toHaveLength(1)
})

test('the server leaves out what it does not have', async () => {
  const sids = [release.statement.sid, hexOf('nowhere')]
  const get = encodeRequest({ type: 'get', sids })
  const answers = await collect(serveFrom(new Shelf(all))(each(get)))
  expect(answers.map(parseAnswer)).toEqual([{ type: 'bodies', more: 0, bodies: [release.bytes] }])
})

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}
