import { describe, expect, it, onTestFinished } from 'vitest'
import { KnownAnswers } from '../../../../node/crypto/known-answers.ts'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { Verifier } from '../../../../node/crypto/verifier.ts'
import type { Crypto } from '../../../../protocol/crypto.ts'
import { openStatement } from '../../../../protocol/open-statement.ts'
import { StatementError } from '../../../../protocol/statement-error.ts'
import { makeRebuild } from '../../../support/statements.ts'

/** A crypto that counts how often it must work out the equation by itself. */
function countingCrypto(answers: KnownAnswers): { crypto: Crypto; equations: () => number } {
  let equations = 0
  const crypto: Crypto = {
    ...nodeCrypto,
    verifyEd25519: (...inputs) => {
      equations++
      return nodeCrypto.verifyEd25519(...inputs)
    },
    knownAnswer: (...inputs) => answers.take(...inputs),
  }
  return { crypto, equations: () => equations }
}

function codeOf(bytes: Uint8Array, crypto: Crypto): string {
  try {
    return openStatement(bytes, crypto).sid
  } catch (error) {
    if (error instanceof StatementError) return error.code
    throw error
  }
}

const valid = Array.from({ length: 12 }, (_, i) => makeRebuild({ finished: 1_767_300_000 + i }))

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** Sound ones, and each way in which one can be unsound, in a burst. */
const burst = [
  ...valid.map(({ bytes }) => bytes),
  ...valid.map(({ bytes }, i) => changed(bytes, [0, 1, 5, 33, 64, 96, 97, 200][i % 8] ?? 0)),
  ...[0, 10, 97].map((length) => valid[0]!.bytes.slice(0, length)),
  // A key of small order.
  Uint8Array.from(valid[0]!.bytes, (byte, i) => (i === 1 ? 1 : i > 1 && i < 33 ? 0 : byte)),
]

function makeVerifier(options = {}): { verifier: Verifier; answers: KnownAnswers } {
  const answers = new KnownAnswers()
  const verifier = new Verifier({ threads: 2, ...options }, answers)
  onTestFinished(() => verifier.stop())
  return { verifier, answers }
}

describe('verification ahead', () => {
  it('answers a burst as it would be answered without, and leaves no equation to the main thread', async () => {
    const { verifier, answers } = makeVerifier()
    const { crypto, equations } = countingCrypto(answers)
    await verifier.prepare(burst)
    const ahead = burst.map((bytes) => codeOf(bytes, crypto))
    expect(equations()).toBe(0)
    const plain: Crypto = { ...nodeCrypto, knownAnswer: () => undefined }
    expect(ahead).toEqual(burst.map((bytes) => codeOf(bytes, plain)))
    expect(new Set(ahead)).toContain('bad-signature')
    expect(new Set(ahead)).toContain('weak-key')
  })

  it('gathers statements that come one by one in the same turn', async () => {
    const { verifier, answers } = makeVerifier()
    const { crypto, equations } = countingCrypto(answers)
    await Promise.all(valid.map(({ bytes }) => verifier.prepare([bytes])))
    for (const { bytes, statement } of valid) {
      expect(codeOf(bytes, crypto)).toBe(statement.sid)
    }
    expect(equations()).toBe(0)
  })

  it('leaves a few to the main thread', async () => {
    const { verifier, answers } = makeVerifier({ minBurst: 13 })
    const { crypto, equations } = countingCrypto(answers)
    await verifier.prepare(valid.map(({ bytes }) => bytes))
    for (const { bytes } of valid) openStatement(bytes, crypto)
    expect(equations()).toBe(valid.length)
  })

  it('lets go of whoever waits when it stops, and of whoever comes after', async () => {
    const { verifier } = makeVerifier()
    const waiting = verifier.prepare(burst)
    await verifier.stop()
    await waiting
    await verifier.prepare(burst)
  })

  it('gives an answer once, and none for another message under the same key', async () => {
    const answers = new KnownAnswers()
    const [key, signature] = [new Uint8Array(32), new Uint8Array(64)]
    answers.add(key, Uint8Array.of(1), signature, 'ok')
    expect(answers.take(key, Uint8Array.of(2), signature)).toBeUndefined()
    expect(answers.take(key, Uint8Array.of(1), signature)).toBe('ok')
    expect(answers.take(key, Uint8Array.of(1), signature)).toBeUndefined()
  })
})
