import { describe, expect, it } from 'vitest'
import {
  rangeIn,
  RECORD_TABLES,
  INDEX_TABLES,
  sidPrefixRange,
  statementKey,
  TABLES,
} from '../../../../node/store/keys.ts'
import { compareBytes } from '../../../../protocol/bytes.ts'
import { hexOf } from '../../../support/statements.ts'

describe('the key table', () => {
  it('gives each table a number of its own', () => {
    const numbers = Object.values(TABLES)
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const table of INDEX_TABLES) expect(TABLES[table] >> 4).toBe(1)
    for (const table of RECORD_TABLES) expect(TABLES[table] >> 4).toBe(2)
  })

  it('ends the range of a prefix behind its last key, also where it is all ones', () => {
    const { gte, lt } = rangeIn('byKey', Uint8Array.of(0x12, 0xff, 0xff))
    expect([...gte]).toEqual([TABLES.byKey, 0x12, 0xff, 0xff])
    expect([...lt]).toEqual([TABLES.byKey, 0x13])
    expect([...rangeIn('named', Uint8Array.of(0xff)).lt]).toEqual([TABLES.named + 1])
  })

  it('puts a sid in the range of each of its prefixes and of no other', () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      const sid = hexOf(name)
      const key = statementKey(sid)
      for (let length = 1; length <= sid.length; length++) {
        const { gte, lt } = sidPrefixRange(sid.slice(0, length))
        expect(compareBytes(gte, key)).toBeLessThanOrEqual(0)
        expect(compareBytes(key, lt)).toBeLessThan(0)
        const last = parseInt(sid.charAt(length - 1), 16)
        const other = sid.slice(0, length - 1) + ((last + 1) % 16).toString(16)
        const range = sidPrefixRange(other)
        const inside = compareBytes(range.gte, key) <= 0 && compareBytes(key, range.lt) < 0
        expect(inside, other).toBe(false)
      }
    }
  })

  it('holds the sids that begin with f', () => {
    const { lt } = sidPrefixRange('f')
    expect(compareBytes(statementKey('f'.repeat(64)), lt)).toBeLessThan(0)
  })
})
