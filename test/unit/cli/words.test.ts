import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesWords,
  countWords,
  shellWords,
  durationWords,
  operatorWords,
  timeWords,
} from '../../../cli/terminal/words.ts'

describe('words', () => {
  it('for a count are of its number', () => {
    expect([0, 1, 2].map((count) => countWords(count, 'peer'))).toEqual([
      '0 peers',
      '1 peer',
      '2 peers',
    ])
    expect(countWords(2, 'entry', 'entries')).toBe('2 entries')
  })

  it('for a time are UTC to the minute', () => {
    expect(timeWords(1_700_000_000)).toBe('2023-11-14 22:13')
    expect(timeWords(null)).toBe('-')
  })

  it.each([
    [0, '0s'],
    [59, '59s'],
    [3600, '1h'],
    [7_261, '2h 1m'],
    [90_061, '1d 1h'],
  ])('for %i seconds are %s', (seconds, words) => {
    expect(durationWords(seconds)).toBe(words)
  })

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [20 * 1024 ** 3, '20.0 GiB'],
  ])('for %i bytes are %s', (bytes, words) => {
    expect(bytesWords(bytes)).toBe(words)
  })

  it('for an operator tell two of one name apart', () => {
    expect(operatorWords('op1aaaaaaaaaaaaaaaa', 'Ada')).not.toBe(
      operatorWords('op1bbbbbbbbbbbbbbbb', 'Ada'),
    )
    expect(operatorWords(null)).toBe('(unknown operator)')
  })

  it('for a command are read back by a shell as the same arguments', () => {
    const word = fc
      .string({ unit: 'grapheme-ascii', minLength: 1 })
      .filter((text) => !text.includes('\u0000'))
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (argv) => {
        const line = `printf '%s\\0' ${shellWords(argv)}`
        const read = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' })
        expect(read.split('\u0000').slice(0, -1)).toEqual(argv)
      }),
      { numRuns: 25 },
    )
  })
})
