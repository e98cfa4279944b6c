import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { createStatement } from '../../../protocol/create-statement.ts'
import { encodeEnvelope, messageId, parseEnvelope } from '../../../protocol/envelope.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { sidOf } from '../../../protocol/sid.ts'
import {
  dispositionOf,
  STATEMENT_ERROR_CODES,
  StatementError,
} from '../../../protocol/statement-error.ts'
import {
  digestOf,
  hexOf,
  makeOperator,
  makeRebuild,
  makeRecipe,
  makeRelease,
  makeWithdrawal,
  TEST_TIME,
} from '../../support/statements.ts'
import { changeStatement } from '../../support/vectors/change-statement.ts'

const release = makeRelease()
const alice = makeOperator('alice')

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof StatementError) return `${error.code} at ${error.path}`
    throw error
  }
  return 'taken'
}

describe('createStatement', () => {
  it.each([
    [() => makeRelease({ version: 'a b' }), 'not-canonical at predicate.version'],
    [
      () => makeRelease({ platform: 'linux/arm64/v8' }),
      'not-canonical at predicate.platforms[0].platform',
    ],
    [
      () => makeRelease({ recipe: makeRecipe({ buildArgs: {} }) }),
      'not-canonical at predicate.recipe.buildArgs',
    ],
    [
      () =>
        makeRebuild({
          environment: {
            builder: 'x'.repeat(65),
            builderVersion: '1',
            kernel: 'k',
            cpu: 'c',
            emulated: false,
          },
        }),
      'too-long at predicate.environment.builder',
    ],
    [() => makeRebuild({ started: TEST_TIME, finished: 1 }), 'out-of-range at predicate.finished'],
    [() => makeWithdrawal({ withdraws: 'x' }), 'not-canonical at predicate.withdraws'],
    [() => makeOperator('dave', { expires: TEST_TIME + 181 * 86_400 }), 'card-lifetime at expires'],
  ])('refuses what openStatement would refuse (%#)', (work, expected) => {
    expect(refusal(work)).toBe(expected)
  })

  it('writes the sets of a rebuild in order, each item once', () => {
    const material = (uri: string) => ({ uri, digest: digestOf(uri) })
    const [first, second] = [hexOf('a'), hexOf('b')].sort()
    const { body } = makeRebuild({
      materials: [material('b'), material('a'), material('b')],
      supersedes: [second, first, second].filter((sid) => sid !== undefined),
    }).statement
    expect(body.materials).toEqual([material('a'), material('b')])
    expect(body.supersedes).toEqual([first, second])
  })

  it('refuses a signer whose signatures do not verify', () => {
    const liar = { publicKey: alice.key.publicKey, sign: () => new Uint8Array(64).fill(1) }
    expect(refusal(() => createStatement(release.statement.body, liar, nodeCrypto))).toBe(
      'bad-signature at ',
    )
  })
})

describe('openStatement', () => {
  it('ignores members of in-toto objects that it does not know', () => {
    const bytes = changeStatement(release, {
      unknown: { a: [1] },
      'predicate.unknown': 'x',
      'predicate.source.unknown': 'x',
      'subject.0.annotations': {},
      'subject.0.digest.sha512': 'x',
    })
    expect(openStatement(bytes, nodeCrypto).body).toEqual(release.statement.body)
  })

  it('gives values that no sender can reach the prototype of', () => {
    const recipe = makeRecipe({ buildArgs: Object.fromEntries([['__proto__', 'evil']]) })
    const { body } = makeRelease({ recipe }).statement
    expect(Object.entries(body.recipe.buildArgs ?? {})).toEqual([['__proto__', 'evil']])
    expect(({} as { evil?: unknown }).evil).toBeUndefined()
  })
})

describe('sid and message id', () => {
  it('tell apart one payload under two keys', () => {
    const { body } = release.statement
    const sids = ['alice', 'bob'].map(
      (name) => createStatement(body, makeOperator(name).key, nodeCrypto).statement.sid,
    )
    expect(new Set(sids).size).toBe(2)
  })

  it('are of the content, and of every byte: a broken signature changes only the message id', () => {
    const { publicKey, payload } = parseEnvelope(release.bytes)
    const forged = encodeEnvelope({ publicKey, signature: new Uint8Array(64), payload })
    expect(sidOf(parseEnvelope(forged), nodeCrypto)).toBe(release.statement.sid)
    expect(messageId(forged, nodeCrypto)).not.toEqual(messageId(release.bytes, nodeCrypto))
  })
})

describe('the disposition of an error', () => {
  it('is ignore for what a later version or another state may make right, and reject for the rest', () => {
    expect(STATEMENT_ERROR_CODES.filter((code) => dispositionOf(code) === 'ignore')).toEqual([
      'unknown-version',
      'dsse-unknown-key',
      'unknown-statement-type',
      'unknown-predicate-type',
      'unknown-enum-value',
      'unknown-profile',
      'release-mismatch',
      'input-digest-mismatch',
    ])
  })
})
