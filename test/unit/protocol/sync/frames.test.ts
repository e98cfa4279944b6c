import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, utf8 } from '../../../../protocol/bytes.ts'
import { makeOrigin } from '../../../../protocol/log/origin.ts'
import { encodeAnswer, parseAnswer, type SyncAnswer } from '../../../../protocol/sync/answers.ts'
import {
  encodeRequest,
  parseRequest,
  type SyncRequest,
} from '../../../../protocol/sync/requests.ts'
import { leafNamed, TestLog } from '../../../support/logs.ts'
import { hexOf, makeOperator, makeRelease } from '../../../support/statements.ts'

const OPERATORS = ['alice', 'bob'].map((name) => makeOperator(name).id).sort()
const [KEY, OTHER_KEY] = ['alice', 'bob'].map((name) => makeOperator(name).key.publicKey).sort()
const ORIGINS = [0, 1, 300].map((n) => makeOrigin(OPERATORS[0]!, KEY!, n))
const SIDS = ['a', 'b', 'c'].map(hexOf).sort()
const TAGS = ['a', 'b'].map((name) => hexOf(name).slice(0, 32)).sort()
const SLOTS = new TestLog().add(leafNamed('one'), leafNamed('two')).slots()

const REQUESTS: [string, SyncRequest][] = [
  [
    'query for nothing',
    {
      type: 'query',
      start: { kind: 'digest', digest: hexOf('digest') },
      query: { operators: [], keys: [], tags: [] },
    },
  ],
  [
    'query that goes on',
    {
      type: 'query',
      start: { kind: 'after', origin: ORIGINS[1]! },
      query: { operators: OPERATORS, keys: [KEY!, OTHER_KEY!], tags: TAGS },
    },
  ],
  ['request for heads', { type: 'heads', origins: ORIGINS }],
  [
    'request for leaves',
    {
      type: 'leaves',
      ranges: [
        { origin: ORIGINS[0]!, from: 0, to: 65_536 },
        { origin: ORIGINS[2]!, from: 7, to: 8 },
      ],
    },
  ],
  ['request for bodies', { type: 'bodies', sids: SIDS }],
  ['request for proofs', { type: 'proofs', origins: ORIGINS.slice(1) }],
]

const row = (n: number, proven = false) => ({
  origin: ORIGINS[n]!,
  size: 65_536,
  root: hexOf('root'),
  time: 1_800_000_000,
  proven,
})

const ANSWERS: [string, SyncAnswer][] = [
  ['same', { type: 'same' }],
  ['no rows', { type: 'rows', more: 0, rows: [] }],
  ['rows', { type: 'rows', more: 2, rows: [row(0), row(2, true)] }],
  ['heads', { type: 'heads', more: 1, items: [new TestLog().head().bytes] }],
  [
    'leaves',
    {
      type: 'leaves',
      more: 0,
      runs: [
        { place: 0, slots: SLOTS },
        { place: 599, slots: SLOTS },
      ],
    },
  ],
  ['bodies', { type: 'bodies', more: 1, items: [makeRelease().bytes, Uint8Array.of(1)] }],
  ['proofs', { type: 'proofs', more: 0, items: [Uint8Array.of(1, 2, 3)] }],
  ['error', { type: 'error', code: 'too-many-rounds' }],
]

const malformed = expect.objectContaining({ name: 'SyncError', code: 'malformed' }) as Error

test.each(REQUESTS)('the %s comes back as it went', (_, request) => {
  expect(parseRequest(encodeRequest(request))).toEqual(request)
})

test.each(ANSWERS)('the answer %s comes back as it went', (_, answer) => {
  expect(parseAnswer(encodeAnswer(answer))).toEqual(answer)
})

test('a set has one form, in whatever order it is given', () => {
  const one = encodeRequest({ type: 'bodies', sids: SIDS })
  expect(encodeRequest({ type: 'bodies', sids: [...SIDS].reverse() })).toEqual(one)
  const heads = encodeRequest({ type: 'heads', origins: ORIGINS })
  expect(encodeRequest({ type: 'heads', origins: [...ORIGINS].reverse() })).toEqual(heads)
})

test('the bytes are those of the description', () => {
  const origin = concat(utf8(OPERATORS[0]!), Uint8Array.from(Buffer.from(KEY!, 'hex')))
  expect(
    encodeRequest({ type: 'leaves', ranges: [{ origin: ORIGINS[2]!, from: 7, to: 256 }] }),
  ).toEqual(concat(Uint8Array.of(3, 0, 1), origin, Uint8Array.of(1, 44, 0, 0, 0, 7, 0, 0, 1, 0)))
  expect(encodeAnswer({ type: 'bodies', more: 2, items: [Uint8Array.of(7, 8)] })).toEqual(
    Uint8Array.of(0x85, 2, 0, 1, 0, 2, 7, 8),
  )
  expect(encodeAnswer({ type: 'rows', more: 0, rows: [row(1, true)] })).toEqual(
    concat(
      Uint8Array.of(0x82, 0, 0, 1),
      origin,
      Uint8Array.of(0, 1, 0, 1, 0, 0),
      Uint8Array.from(Buffer.from(hexOf('root'), 'hex')),
      Uint8Array.of(0, 0, 0, 0, 0x6b, 0x49, 0xd2, 0, 1),
    ),
  )
  expect(encodeAnswer({ type: 'error', code: 'busy' })).toEqual(Uint8Array.of(0xff, 0))
})

test.each([
  ...REQUESTS.map(([name, each]) => [name, encodeRequest(each), parseRequest] as const),
  ...ANSWERS.map(([name, each]) => [name, encodeAnswer(each), parseAnswer] as const),
])('%s, cut at every byte or too long, is refused', (_, bytes, parse) => {
  for (let i = 0; i < bytes.length; i++) {
    expect(() => parse(bytes.subarray(0, i))).toThrow(malformed)
  }
  expect(() => parse(concat(bytes, Uint8Array.of(0)))).toThrow(malformed)
})

const sid = (i: number): Uint8Array => Uint8Array.from(Buffer.from(SIDS[i]!, 'hex'))
const origin = concat(utf8(OPERATORS[0]!), Uint8Array.from(Buffer.from(KEY!, 'hex')))

test.each([
  ['of unknown type', Uint8Array.of(6)],
  ['for no bodies', Uint8Array.of(4, 0, 0)],
  ['for no heads', Uint8Array.of(2, 0, 0)],
  ['for no leaves', Uint8Array.of(3, 0, 0)],
  ['for no proofs', Uint8Array.of(5, 0, 0)],
  ['for one body twice', concat(Uint8Array.of(4, 0, 2), sid(0), sid(0))],
  ['that goes backwards', concat(Uint8Array.of(4, 0, 2), sid(1), sid(0))],
  ['for 601 bodies', concat(Uint8Array.of(4, 601 >> 8, 601 & 255), new Uint8Array(601 * 32))],
  ['for leaves of nothing', concat(Uint8Array.of(3, 0, 1), origin, new Uint8Array(10))],
  [
    'for leaves beyond the end of every log',
    concat(Uint8Array.of(3, 0, 1), origin, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 1)),
  ],
  [
    'for the log of what is no operator',
    concat(Uint8Array.of(2, 0, 1), utf8('op2'), origin.subarray(3), new Uint8Array(2)),
  ],
  ['with a start of unknown kind', concat(Uint8Array.of(1, 2), new Uint8Array(38))],
])('a request %s is refused', (_, bytes) => {
  expect(() => parseRequest(bytes)).toThrow(malformed)
})

const unsafe = concat(
  Uint8Array.of(0x82, 0, 0, 1),
  origin,
  new Uint8Array(2 + 4 + 32),
  new Uint8Array(8).fill(255),
  Uint8Array.of(0),
)

test.each([
  ['of unknown type', Uint8Array.of(0x87)],
  ['with an unknown "more"', Uint8Array.of(0x83, 3, 0, 0)],
  ['with an empty statement', Uint8Array.of(0x85, 0, 0, 1, 0, 0)],
  [
    'with a statement over the limit',
    concat(Uint8Array.of(0x85, 0, 0, 1, 0x80, 1), new Uint8Array(0x8001)),
  ],
  ['with an unknown error', Uint8Array.of(0xff, 4)],
  ['with a run of no leaves', Uint8Array.of(0x84, 0, 0, 1, 0, 0, 0, 0)],
  ['with a time that no clock shows', unsafe],
  ['of more bytes than a frame has', new Uint8Array(64 * 1024 + 1)],
  [
    'with a log of more leaves than there are',
    encodeAnswer({ type: 'rows', more: 0, rows: [{ ...row(0), size: 65_537 }] }),
  ],
  ['with rows that go backwards', encodeAnswer({ type: 'rows', more: 0, rows: [row(1), row(0)] })],
  ['with a row twice', encodeAnswer({ type: 'rows', more: 0, rows: [row(1), row(1)] })],
  [
    'with leaves that go backwards',
    encodeAnswer({
      type: 'leaves',
      more: 0,
      runs: [
        { place: 1, slots: SLOTS },
        { place: 0, slots: SLOTS },
      ],
    }),
  ],
])('an answer %s is refused', (_, bytes) => {
  expect(() => parseAnswer(bytes)).toThrow(malformed)
})

test('whatever bytes come, only a sync error comes out, and what is read is written the same', () => {
  const frames = [
    ...REQUESTS.map(([, request]) => encodeRequest(request)),
    ...ANSWERS.map(([, answer]) => encodeAnswer(answer)),
  ]
  const mutated = fc
    .tuple(
      fc.constantFrom(...frames),
      fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    )
    .map(([frame, changes]) => {
      const copy = frame.slice()
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    })
  const directions = [
    [parseRequest, encodeRequest],
    [parseAnswer, encodeAnswer],
  ] as const
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      for (const [parse, encode] of directions) {
        let value
        try {
          value = parse(bytes)
        } catch (error) {
          expect(error).toMatchObject({ name: 'SyncError', code: 'malformed' })
          continue
        }
        expect(encode(value as never)).toEqual(Uint8Array.from(bytes))
      }
    }),
    { numRuns: 2000, seed: 1 },
  )
})
