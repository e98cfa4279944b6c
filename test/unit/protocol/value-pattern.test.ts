import { describe, expect, it } from 'vitest'
import { isValuePattern, matchesPattern } from '../../../protocol/value-pattern.ts'

describe('the patterns of a project file', () => {
  it('must match the whole of a value, whatever they say of its ends', () => {
    expect(matchesPattern('[0-9]{8}', '20260101')).toBe(true)
    expect(matchesPattern('[0-9]{8}', '20260101; rm -rf /')).toBe(false)
    expect(matchesPattern('^a|b$', 'axxx')).toBe(false)
    expect(matchesPattern('^a|b$', 'a')).toBe(true)
    expect(matchesPattern('a|ab', 'ab')).toBe(true)
    expect(matchesPattern('^[0-9]+$', '1\n')).toBe(false)
    expect(matchesPattern('(?m)^[0-9]+$', '1\n')).toBe(false)
    expect(matchesPattern('.*', 'one\ntwo')).toBe(false)
  })

  it('cannot close the group that anchors them', () => {
    expect(isValuePattern('a)|(?:.*')).toBe(false)
    expect(matchesPattern('a)|(?:.*', 'anything')).toBe(false)
  })

  it.each(['(a+)+$', '(a|a)*$', '(.*a){12}', '([a-z]+)*$', '(?:(?:a*)*)*b'])(
    '%s, which hangs a backtracking engine, answers of every value',
    (pattern) => {
      expect(matchesPattern(pattern, `${'a'.repeat(255)}!`)).toBe(false)
    },
  )

  it('cannot grow beyond what is matched at once', () => {
    expect(isValuePattern('[0-9a-f]{40}')).toBe(true)
    expect(isValuePattern('a{256}')).toBe(true)
    expect(isValuePattern('a{257}')).toBe(false)
    expect(isValuePattern('a{0,200}b{100}')).toBe(false)
    expect(isValuePattern('((((a{15}){15}){15}){15})')).toBe(false)
    expect(isValuePattern(`(?:${'abcdefghij'.repeat(20)}){200}`)).toBe(false)
    expect(isValuePattern('x'.repeat(513))).toBe(false)
  })

  it('have no look-around and no back references', () => {
    for (const pattern of ['(?=a)a', '(?<!a)b', '(a)\\1', '[', '*']) {
      expect(isValuePattern(pattern), pattern).toBe(false)
      expect(matchesPattern(pattern, 'a'), pattern).toBe(false)
    }
  })

  it('refuse long values unread', () => {
    expect(matchesPattern('1*', '1'.repeat(256))).toBe(true)
    expect(matchesPattern('1*', '1'.repeat(257))).toBe(false)
  })
})
