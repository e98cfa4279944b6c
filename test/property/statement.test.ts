/**
 * Statements of every shape come back as they went in; whatever else arrives is answered with a
 * StatementError and nothing worse.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createStatement } from '../../protocol/create-statement.ts'
import { encodeDsse, parseDsse } from '../../protocol/dsse.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import { arbitraryBody } from '../support/arbitrary-statement.ts'
import { makeOperator } from '../support/statements.ts'
import { signPayload } from '../support/vectors/change-statement.ts'
import { validVectors } from '../support/vectors/statements.ts'

/** The same cases on each run, and other and more ones in a deeper run. */
const DEEP = (process.env.REBUILDNET_TEST_DEPTH ?? 'default') !== 'default'
const RUNS = DEEP ? 20_000 : 2000
const SEED = DEEP ? {} : { seed: 20_260_101 }
const alice = makeOperator('alice')
const samples = validVectors.map(({ hex }) => new Uint8Array(Buffer.from(hex, 'hex')))

/** Opens, or throws a StatementError; any other error fails the test. */
function open(bytes: Uint8Array): unknown {
  try {
    return openStatement(bytes, nodeCrypto)
  } catch (error) {
    if (error instanceof StatementError) return undefined
    throw error
  }
}

/** One of each kind, for what is tried at every byte. */
const oneOfEach = ['release', 'rebuild', 'commitment', 'withdrawal', 'operator'].map((kind) => {
  const vector = validVectors.findLast(({ body }) => body.kind === kind)
  return new Uint8Array(Buffer.from(vector?.hex ?? '', 'hex'))
})

const sample = fc.constantFrom(...samples)

describe('statements', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(arbitraryBody, (body) => {
        const { bytes, statement } = createStatement(body, alice.key, nodeCrypto)
        expect(statement.body).toEqual(body)
        expect(openStatement(bytes, nodeCrypto)).toEqual(statement)
        const json = Buffer.from(encodeDsse(parseEnvelope(bytes)))
        expect(parseDsse(json, nodeCrypto)).toEqual(bytes)
      }),
      { numRuns: RUNS / 5, ...SEED },
    )
  })

  it('are not opened when they end early, at whichever byte', () => {
    for (const bytes of oneOfEach) {
      for (let length = 0; length < bytes.length; length++) {
        expect(open(bytes.subarray(0, length))).toBeUndefined()
      }
    }
  })

  it('are not opened when their payload ends early and is signed so', () => {
    for (const bytes of oneOfEach) {
      const { payload } = parseEnvelope(bytes)
      for (let length = 1; length < payload.length; length++) {
        expect(open(signPayload(payload.subarray(0, length), alice))).toBeUndefined()
      }
    }
  })

  it('are not opened when any byte is another', () => {
    fc.assert(
      fc.property(sample, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
        const other = new Uint8Array(bytes)
        const index = at % bytes.length
        other[index] = (bytes[index] ?? 0) ^ change
        expect(open(other)).toBeUndefined()
      }),
      { numRuns: RUNS, ...SEED },
    )
  })

  it('give only StatementErrors when bytes of the payload change before it is signed', () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 3 }))
    fc.assert(
      fc.property(sample, fc.array(change, { minLength: 1, maxLength: 3 }), (bytes, changes) => {
        let payload = Buffer.from(parseEnvelope(bytes).payload)
        for (const [at, cut, put] of changes) {
          const start = at % (payload.length + 1)
          payload = Buffer.concat([payload.subarray(0, start), put, payload.subarray(start + cut)])
        }
        open(signPayload(payload, alice))
      }),
      { numRuns: RUNS, ...SEED },
    )
  })

  it('give only StatementErrors when a member is any other JSON, and what opens is stable', () => {
    fc.assert(
      fc.property(sample, fc.nat(), fc.jsonValue({ maxDepth: 3 }), (bytes, which, value) => {
        const statement: unknown = JSON.parse(Buffer.from(parseEnvelope(bytes).payload).toString())
        const places = placesOf(statement)
        const place = places[which % places.length]
        place?.set(value)
        const opened = open(signPayload(JSON.stringify(statement), alice)) as
          ReturnType<typeof openStatement> | undefined
        if (opened === undefined || opened.body.kind === 'operator') return
        const again = createStatement(opened.body, alice.key, nodeCrypto)
        expect(again.statement.body).toEqual(opened.body)
      }),
      { numRuns: RUNS, ...SEED },
    )
  })

  it('give only StatementErrors for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(open(bytes)).toBeUndefined()
        expect(open(signPayload(bytes, alice))).toBeUndefined()
      }),
      { numRuns: RUNS, ...SEED },
    )
  })

  it('give only StatementErrors for changed JSON envelopes', () => {
    fc.assert(
      fc.property(sample, fc.nat(), fc.jsonValue({ maxDepth: 2 }), (bytes, which, value) => {
        const envelope: unknown = JSON.parse(encodeDsse(parseEnvelope(bytes)))
        const places = placesOf(envelope)
        places[which % places.length]?.set(value)
        try {
          parseDsse(Buffer.from(JSON.stringify(envelope)), nodeCrypto)
        } catch (error) {
          expect(error).toBeInstanceOf(StatementError)
        }
      }),
      { numRuns: RUNS, ...SEED },
    )
  })
})

interface Place {
  set(value: unknown): void
}

/** Every member of every object and array within `root`. */
function placesOf(root: unknown): Place[] {
  if (typeof root !== 'object' || root === null) return []
  const container = root as Record<string, unknown>
  return Object.keys(container).flatMap((key) => [
    { set: (value: unknown) => void (container[key] = value) },
    ...placesOf(container[key]),
  ])
}
