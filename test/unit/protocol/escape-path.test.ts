import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeUtf8, utf8 } from '../../../protocol/bytes.ts'
import { CUT_MARK, escapePath, parseEscapedPath } from '../../../protocol/escape-path.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('escapePath', () => {
  it.each<[string, Uint8Array, string]>([
    ['leaves text alone', utf8('usr/share/ä/日本/😀 x'), 'usr/share/ä/日本/😀 x'],
    ['escapes the percent sign', utf8('50%25'), '50%2525'],
    ['escapes control characters', utf8('a\n\x1b[31m\x7f\u009b'), 'a%0A%1B[31m%7F%C2%9B'],
    [
      'escapes bidirectional controls and line separators',
      utf8('a\u202eb\u2028'),
      'a%E2%80%AEb%E2%80%A8',
    ],
    ['escapes a byte that is no UTF-8', bytes(0x61, 0xff, 0xe4, 0x62), 'a%FF%E4b'],
    ['escapes a character that is cut', bytes(0xe6, 0x97), '%E6%97'],
    ['escapes overlong forms', bytes(0xc0, 0xaf, 0xe0, 0x80, 0xaf), '%C0%AF%E0%80%AF'],
    ['escapes surrogates', bytes(0xed, 0xa0, 0x80), '%ED%A0%80'],
    ['escapes what is beyond Unicode', bytes(0xf4, 0x90, 0x80, 0x80), '%F4%90%80%80'],
  ])('%s', (_, path, escaped) => {
    expect(escapePath(path)).toBe(escaped)
    expect(parseEscapedPath(escaped)).toEqual(path)
  })

  it('has one spelling for each path, which is UTF-8 exactly where that decoder says so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (path) => {
        const escaped = escapePath(path)
        expect(parseEscapedPath(escaped)).toEqual(path)
        const printable = path.every((byte) => byte > 0x25 && byte < 0x7f)
        if (printable) expect(escaped).toBe(decodeUtf8(path))
      }),
    )
  })

  it('cuts between characters and marks the cut', () => {
    const path = utf8('é'.repeat(100))
    expect(escapePath(path, { maxBytes: 200 })).toBe('é'.repeat(100))
    const cut = escapePath(path, { maxBytes: 199 })
    expect(cut).toBe('é'.repeat(97) + CUT_MARK)
    expect(utf8(cut).length).toBeLessThanOrEqual(199)
    expect(escapePath(bytes(255, 255, 255, 255), { maxBytes: 11 })).toBe('%FF%FF' + CUT_MARK)
  })

  it('never cuts so that the result reads as a whole path', () => {
    expect(parseEscapedPath(`a${CUT_MARK}`)).toBeUndefined()
    expect(parseEscapedPath('%zz')).toBeUndefined()
    expect(parseEscapedPath('%41')).toBeUndefined()
    expect(parseEscapedPath('%ff')).toBeUndefined()
  })
})
