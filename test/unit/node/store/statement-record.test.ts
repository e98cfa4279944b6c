import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { statementKey } from '../../../../node/store/keys.ts'
import {
  arrivalOf,
  encodeStatementRecord,
  parseStatementRecord,
} from '../../../../node/store/statement-record.ts'
import { makeRebuild, makeRelease } from '../../../support/statements.ts'

const { bytes, statement } = makeRebuild()
const key = statementKey(statement.sid)
const value = encodeStatementRecord(statement.sid, { arrival: 2 ** 40 + 7, bytes }, nodeCrypto)

describe('the record of a statement', () => {
  it('comes back as it was', () => {
    const record = parseStatementRecord(key, value, nodeCrypto)
    expect(record).toEqual({ arrival: 2 ** 40 + 7, bytes: new Uint8Array(bytes) })
    expect(arrivalOf(key, value)).toBe(2 ** 40 + 7)
  })

  it('tells of every flipped bit: of the message, of its signature, of when it came', () => {
    const flipped = new Uint8Array(value)
    const missed: number[] = []
    for (let bit = 0; bit < value.length * 8; bit++) {
      const [at, mask] = [bit >> 3, 1 << (bit & 7)]
      flipped[at] = (flipped[at] ?? 0) ^ mask
      if (parseStatementRecord(key, flipped, nodeCrypto) !== undefined) missed.push(bit)
      flipped[at] = (flipped[at] ?? 0) ^ mask
    }
    expect(missed).toEqual([])
  })

  it('is no record under the key of another statement', () => {
    const other = statementKey(makeRelease().statement.sid)
    expect(parseStatementRecord(other, value, nodeCrypto)).toBeUndefined()
    expect(arrivalOf(other, value)).toBeUndefined()
  })

  it('tells where it was made for another statement than it holds', () => {
    const { sid } = makeRelease().statement
    const wrong = encodeStatementRecord(sid, { arrival: 1, bytes }, nodeCrypto)
    expect(parseStatementRecord(statementKey(sid), wrong, nodeCrypto)).toBeUndefined()
  })

  it('tells of a value that is cut anywhere', () => {
    for (let length = 0; length < value.length; length += 7) {
      const cut = value.subarray(0, length)
      expect(parseStatementRecord(key, cut, nodeCrypto), `${length} bytes`).toBeUndefined()
    }
  })
})
