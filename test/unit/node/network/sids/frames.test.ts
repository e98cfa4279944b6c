import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  encodeAnswer,
  encodeRequest,
  parseAnswer,
  parseRequest,
  type Answer,
  type Request,
} from '../../../../../node/network/sids/frames.ts'
import { concat, utf8 } from '../../../../../protocol/bytes.ts'
import { hexOf, makeOperator, makeRelease } from '../../../../support/statements.ts'

const SIDS = ['a', 'b', 'c'].map(hexOf).sort()
const OPERATORS = ['alice', 'bob'].map((name) => makeOperator(name).id).sort()

const REQUESTS: [string, Request][] = [
  ['list of nothing', { type: 'list', wants: { images: [], operators: [] }, after: undefined }],
  [
    'list',
    {
      type: 'list',
      wants: { images: ['a.example/b', 'a.example/c'], operators: OPERATORS },
      after: SIDS[0],
    },
  ],
  ['get', { type: 'get', sids: SIDS }],
]

const ANSWERS: [string, Answer][] = [
  ['no sids', { type: 'sids', more: 0, sids: [] }],
  ['sids', { type: 'sids', more: 2, sids: SIDS }],
  ['bodies', { type: 'bodies', more: 1, bodies: [makeRelease().bytes, Uint8Array.of(1)] }],
  ['error', { type: 'error', code: 'too-many-rounds' }],
]

test.each(REQUESTS)('the request %s comes back as it went', (_, request) => {
  expect(parseRequest(encodeRequest(request))).toEqual(request)
})

test.each(ANSWERS)('the answer %s comes back as it went', (_, answer) => {
  expect(parseAnswer(encodeAnswer(answer))).toEqual(answer)
})

test('a set of wants has one form, in whatever order it is given', () => {
  const images = ['b.example/b', 'a.example/a', 'b.example/b']
  const one = encodeRequest({ type: 'list', wants: { images, operators: [] }, after: undefined })
  images.sort()
  const two = encodeRequest({ type: 'list', wants: { images, operators: [] }, after: undefined })
  expect(one).toEqual(two)
})

test('the bytes are those of the description', () => {
  const wants = { images: ['a.b/c'], operators: [] }
  expect(encodeRequest({ type: 'list', wants, after: undefined })).toEqual(
    concat(Uint8Array.of(1, 0, 1, 5), utf8('a.b/c'), Uint8Array.of(0, 0, 0)),
  )
  expect(encodeAnswer({ type: 'bodies', more: 2, bodies: [Uint8Array.of(7, 8)] })).toEqual(
    Uint8Array.of(0x82, 2, 0, 1, 0, 2, 7, 8),
  )
  expect(encodeAnswer({ type: 'error', code: 'busy' })).toEqual(Uint8Array.of(0xff, 0))
})

test.each([...REQUESTS, ...ANSWERS])(
  '%s, cut at every byte or too long, is refused',
  (_, frame) => {
    const isRequest = frame.type === 'list' || frame.type === 'get'
    const bytes = isRequest ? encodeRequest(frame) : encodeAnswer(frame)
    const parse = isRequest ? parseRequest : parseAnswer
    const malformed = expect.objectContaining({ code: 'sync-protocol' }) as Error
    for (let i = 0; i < bytes.length; i++) {
      expect(() => parse(bytes.subarray(0, i))).toThrow(malformed)
    }
    expect(() => parse(concat(bytes, Uint8Array.of(0)))).toThrow(malformed)
  },
)

const sidBytes = (sid: string): Uint8Array => Uint8Array.from(Buffer.from(sid, 'hex'))
const [a, b] = SIDS.map(sidBytes) as [Uint8Array, Uint8Array]

test.each([
  ['an unknown type', Uint8Array.of(3)],
  ['a GET of nothing', Uint8Array.of(2, 0, 0)],
  ['a GET of the same sid twice', concat(Uint8Array.of(2, 0, 2), a, a)],
  ['a GET that goes backwards', concat(Uint8Array.of(2, 0, 2), b, a)],
  ['601 sids', concat(Uint8Array.of(2, 601 >> 8, 601 & 255), new Uint8Array(601 * 32))],
  ['101 images', concat(Uint8Array.of(1, 0, 101), new Uint8Array(101))],
  ['an image that is none', concat(Uint8Array.of(1, 0, 1, 3), utf8('A/b'), new Uint8Array(3))],
  [
    'an operator that is none',
    concat(Uint8Array.of(1, 0, 0, 0, 1, 3), utf8('op1'), Uint8Array.of(0)),
  ],
  ['a flag that is none', Uint8Array.of(1, 0, 0, 0, 0, 2)],
])('a request with %s is refused', (_, bytes) => {
  expect(() => parseRequest(bytes)).toThrow(expect.objectContaining({ code: 'sync-protocol' }))
})

test.each([
  ['an unknown type', Uint8Array.of(0x83)],
  ['an unknown "more"', Uint8Array.of(0x81, 3, 0, 0)],
  ['sids that go backwards', concat(Uint8Array.of(0x81, 0, 0, 2), b, a)],
  ['an empty statement', Uint8Array.of(0x82, 0, 0, 1, 0, 0)],
  [
    'a statement over the limit',
    concat(Uint8Array.of(0x82, 0, 0, 1, 0x80, 1), new Uint8Array(0x8001)),
  ],
  ['an unknown error', Uint8Array.of(0xff, 4)],
  ['more bytes than a frame has', new Uint8Array(64 * 1024 + 1)],
])('an answer with %s is refused', (_, bytes) => {
  expect(() => parseAnswer(bytes)).toThrow(expect.objectContaining({ code: 'sync-protocol' }))
})

test('whatever bytes come, only a network error comes out, and what is read is written the same', () => {
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
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      for (const [parse, encode] of [
        [parseRequest, encodeRequest],
        [parseAnswer, encodeAnswer],
      ] as const) {
        let value
        try {
          value = parse(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'sync-protocol' })
          continue
        }
        expect(encode(value as never)).toEqual(Uint8Array.from(bytes))
      }
    }),
    { numRuns: 2000, seed: 1 },
  )
})
