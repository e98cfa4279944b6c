import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../../node/store/crc32c.ts'
import { utf8 } from '../../../../protocol/bytes.ts'

describe('CRC-32C', () => {
  // RFC 3720 B.4, and the check value of the CRC catalogues.
  it.each([
    ['123456789', utf8('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is the known one', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  it('is the same wherever in a buffer the bytes stand', () => {
    const bytes = utf8('..123456789')
    expect(crc32c(bytes.subarray(2))).toBe(0xe3069283)
  })
})
