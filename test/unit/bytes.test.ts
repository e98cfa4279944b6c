import { describe, expect, it } from 'vitest'
import { parseBase64, parseHex, toBase32, toBase64, toHex, utf8 } from '../../protocol/bytes.ts'

describe('bytes', () => {
  it('writes the base32 of RFC 4648, lowercase and unpadded', () => {
    const cases = ['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi']
    expect(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((s) => toBase32(utf8(s)))).toEqual(
      cases,
    )
  })

  it('reads back its own base64 and refuses another spelling of the same bytes', () => {
    for (const text of ['', 'f', 'fo', 'foo', 'foob']) {
      expect(parseBase64(toBase64(utf8(text)))).toEqual(utf8(text))
    }
    expect(toBase64(utf8('foobar'))).toBe('Zm9vYmFy')
    for (const bad of ['Zg', 'Zh==', 'Zg=', 'Z===', 'Zm9=', '-_==', 'Zm 9']) {
      expect(parseBase64(bad)).toBeUndefined()
    }
  })

  it('reads lowercase hex only', () => {
    expect(toHex(parseHex('00ff10') ?? utf8(''))).toBe('00ff10')
    for (const bad of ['0', 'FF', 'zz', '0x00']) expect(parseHex(bad)).toBeUndefined()
  })
})
