/** Every vector of test/vectors/statements, by the host's crypto and by the portable one. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { encodeVote, voteHash, type Vote } from '../../../protocol/blind/vote-hash.ts'
import { encodeDsse, parseDsse } from '../../../protocol/dsse.ts'
import { messageId, parseEnvelope } from '../../../protocol/envelope.ts'
import { encodePayload } from '../../../protocol/in-toto.ts'
import { encodeBuildInput, inputDigestOf } from '../../../protocol/input-digest.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { portableCrypto } from '../../../protocol/portable-crypto.ts'
import { checkRebuildAgainstRelease } from '../../../protocol/rebuild-check.ts'
import type { Rebuild } from '../../../protocol/rebuild.ts'
import type { Release } from '../../../protocol/release.ts'
import { STATEMENT_ERROR_CODES, StatementError } from '../../../protocol/statement-error.ts'
import {
  inputDigestVectors,
  invalidDsseVectors,
  invalidVectors,
  mismatchVectors,
  validVectors,
  voteVectors,
} from '../../support/vectors/statements.ts'

function load<T>(name: string): T[] {
  const url = new URL(`../../vectors/${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { vectors: T[] }).vectors
}

const valid = load<(typeof validVectors)[number]>('statements/valid')
const invalid = load<(typeof invalidVectors)[number]>('statements/invalid')
const invalidDsse = load<(typeof invalidDsseVectors)[number]>('statements/invalid-dsse')
const mismatches = load<(typeof mismatchVectors)[number]>('statements/rebuild-of-release')
const votes = load<(typeof voteVectors)[number]>('vote-hash')
const inputs = load<(typeof inputDigestVectors)[number]>('input-digest')

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex')

/** The code of the StatementError that `work` throws; any other error is not caught. */
function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    expect(error.message).not.toMatch(/\n/)
    return error.code
  }
}

describe('statement vectors', () => {
  for (const [name, crypto] of Object.entries({ nodeCrypto, portableCrypto })) {
    it.each(valid)(`opens by ${name}: $name`, ({ hex, sid, key, body, messageId: id }) => {
      expect(openStatement(bytesOf(hex), crypto)).toEqual({ sid, key, body })
      expect(Buffer.from(messageId(bytesOf(hex), crypto)).toString('hex')).toBe(id)
    })

    it.each(invalid)(`refuses by ${name}: $name ($code)`, ({ hex, code }) => {
      expect(codeOf(() => openStatement(bytesOf(hex), crypto))).toBe(code)
    })
  }

  it.each(valid)('writes the same payload again: $name', ({ payload, body }) => {
    if (body.kind === 'operator') return
    expect(Buffer.from(encodePayload(body)).toString()).toBe(payload)
  })

  it.each(valid)('imports and exports as JSON: $name', ({ hex, envelope }) => {
    const json = Buffer.from(JSON.stringify(envelope))
    expect(Buffer.from(parseDsse(json, nodeCrypto)).toString('hex')).toBe(hex)
    expect(JSON.parse(encodeDsse(parseEnvelope(bytesOf(hex))))).toEqual(envelope)
  })

  it.each(invalidDsse)('refuses a JSON envelope: $name ($code)', ({ envelope, code }) => {
    expect(codeOf(() => parseDsse(Buffer.from(envelope), nodeCrypto))).toBe(code)
  })

  it.each(mismatches)('checks a rebuild against its release: $name', (vector) => {
    const release = openStatement(bytesOf(vector.release), nodeCrypto).body as Release
    const rebuild = openStatement(bytesOf(vector.rebuild), nodeCrypto).body as Rebuild
    expect(codeOf(() => checkRebuildAgainstRelease(rebuild, release, nodeCrypto))).toBe(vector.code)
  })

  it.each(inputs)('gives the input digest: $name', ({ input, canonical, inputDigest }) => {
    expect(encodeBuildInput(input)).toBe(canonical)
    expect(inputDigestOf(input, nodeCrypto)).toBe(inputDigest)
  })

  it.each(votes)('gives the hash of a vote that is committed to: $vote', (vector) => {
    const { key, salt, vote, hash } = vector
    const parsed = JSON.parse(vote) as Vote
    expect(encodeVote(parsed, key)).toBe(vote)
    expect(voteHash(parsed, key, salt, nodeCrypto)).toBe(hash)
    expect(voteHash(parsed, key, salt, portableCrypto)).toBe(hash)
  })

  it('has a vector for each error code', () => {
    const seen = new Set([...invalid, ...invalidDsse, ...mismatches].map((each) => each.code))
    expect(STATEMENT_ERROR_CODES.filter((code) => !seen.has(code))).toEqual([])
  })

  it('has a valid vector for each kind of statement', () => {
    expect(new Set(valid.map((each) => each.body.kind))).toEqual(
      new Set(['release', 'rebuild', 'commitment', 'withdrawal', 'operator']),
    )
  })

  it('has vectors that are what their generator makes', () => {
    expect(valid).toEqual(validVectors)
    expect(invalid).toEqual(invalidVectors)
    expect(invalidDsse).toEqual(invalidDsseVectors)
    expect(mismatches).toEqual(mismatchVectors)
    expect(inputs).toEqual(inputDigestVectors)
    expect(votes).toEqual(voteVectors)
  })
})
