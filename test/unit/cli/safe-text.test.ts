/** T20: what a stranger wrote must not act on the terminal of who reads it. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isUnsafeName, safeJson, safeText } from '../../../cli/terminal/safe-text.ts'

const DANGEROUS: readonly (readonly [what: string, text: string])[] = [
  ['a colour sequence', '\u001b[31mred\u001b[0m'],
  ['an 8-bit control sequence', '\u009b31mred'],
  ['a window title', '\u001b]0;title\u0007'],
  ['a clipboard write', '\u001b]52;c;AAAA\u001b\\'],
  ['a carriage return over the line', 'deny\rallow'],
  ['a backspace over a letter', 'deny\b\b\b\ballow'],
  ['a forged line', 'reason\nallow'],
  ['a bidirectional override', 'd\u202eyn'],
  ['a bidirectional isolate', '\u2066allow\u2069'],
  ['a zero-width space', 'al\u200blow'],
  ['a line separator', 'a\u2028b'],
  ['a tag character', 'a\u{e0041}b'],
  ['NUL and DEL', 'a\u0000b\u007f'],
]
// Independently of the code under test: ranges of Unicode code points that act and do not show.
const ACTS = (point: number): boolean =>
  point < 0x20 ||
  (point >= 0x7f && point <= 0x9f) ||
  (point >= 0x200b && point <= 0x200f) ||
  (point >= 0x2028 && point <= 0x202e) ||
  (point >= 0x2060 && point <= 0x206f) ||
  (point >= 0xd800 && point <= 0xdfff) ||
  point === 0xfeff ||
  (point >= 0xe0020 && point <= 0xe007f)

const points = (text: string): number[] =>
  Array.from(text).map((character) => character.codePointAt(0) ?? 0)

/** Any code points, lone surrogates among them. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0x2100 }), fc.integer({ min: 0, max: 0x10ffff })))
  .map((codes) => String.fromCodePoint(...codes))

describe('text for a person', () => {
  it.each(DANGEROUS)('has no %s left', (_what, text) => {
    expect(points(safeText(text)).filter(ACTS)).toEqual([])
  })

  it('keeps what can be read, in any script', () => {
    const text = 'Zoë — 東京, عربى, 🙂 usr/bin/app é'
    expect(safeText(text)).toBe(text)
  })

  it('stays one line, with words apart', () => {
    expect(safeText('one\r\n\ttwo')).toBe('one two')
  })

  it('is safe whatever comes in', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(points(safeText(text)).filter(ACTS)).toEqual([])
      }),
    )
  })

  it('shows a lone surrogate as unreadable', () => {
    expect(safeText('a\ud800b')).toBe('a\ufffdb')
  })
})

describe('a name', () => {
  it.each(['', 'a\u202eb', 'a\u200db', 'a\u2065b', '\ufeffa', 'a\nb', '  ', '\u3164', '\u2800'])(
    'that cannot be read as it stands is refused: %j',
    (name) => {
      expect(isUnsafeName(name)).toBe(true)
    },
  )

  it.each(['Ada', 'Zoë Müller', '東京', 'عربى', '🙂'])('that can be read is good: %s', (name) => {
    expect(isUnsafeName(name)).toBe(false)
  })
})

describe('JSON', () => {
  it('is the same value, on one line, with nothing that acts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), anyText, (key, text) => {
        const encoded = safeJson({ [key]: text })
        expect(points(encoded).filter(ACTS)).toEqual([])
        expect(JSON.parse(encoded)).toEqual({ [key]: text })
      }),
    )
  })

  it.each(DANGEROUS)('has no %s left', (_what, text) => {
    expect(points(safeJson([text])).filter(ACTS)).toEqual([])
    expect(JSON.parse(safeJson([text]))).toEqual([text])
  })
})
