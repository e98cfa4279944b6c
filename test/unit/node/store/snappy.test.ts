import { describe, expect, it } from 'vitest'
import { snappyDecompress } from '../../../../node/store/snappy.ts'
import { decodeUtf8, parseHex } from '../../../../protocol/bytes.ts'

const bytesOf = (hex: string): Uint8Array => parseHex(hex.replaceAll(' ', '')) ?? new Uint8Array(0)
const read = (hex: string): string | undefined => decodeUtf8(snappyDecompress(bytesOf(hex)))

describe('Snappy', () => {
  // Made by hand from the format description: length, then literals and copies.
  it.each([
    ['nothing', '00', ''],
    ['a literal', '03 08 616263', 'abc'],
    ['a literal whose length has a byte of its own', '03 f0 02 616263', 'abc'],
    ['a copy with a one-byte offset', '08 0c 61626364 01 04', 'abcdabcd'],
    ['a copy with a two-byte offset', '09 08 616263 16 0300', 'abcabcabc'],
    ['a copy with a four-byte offset', '06 08 616263 0b 03000000', 'abcabc'],
    ['a copy that overlaps itself', '0b 00 61 26 0100', 'a'.repeat(11)],
  ])('reads %s', (_, hex, text) => {
    expect(read(hex)).toBe(text)
  })

  it.each([
    ['a copy from before the beginning', '04 01 04'],
    ['a copy of offset zero', '05 00 61 01 00'],
    ['more than was announced', '02 08 616263'],
    ['less than was announced', '04 08 616263'],
    ['a length that does not end', 'ffffffffffffff'],
    ['a length beyond all reason', 'ffffffff0f'],
  ])('refuses %s', (_, hex) => {
    expect(() => read(hex)).toThrow(RangeError)
  })

  it('refuses a block that is cut anywhere', () => {
    const whole = bytesOf('09 08 616263 16 0300')
    for (let length = 0; length < whole.length; length++) {
      expect(() => snappyDecompress(whole.subarray(0, length)), `${length}`).toThrow(RangeError)
    }
  })
})
