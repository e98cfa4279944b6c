import { describe, expect, it } from 'vitest'
import { encodeChecked, parseChecked } from '../../../../node/store/checked.ts'
import { utf8 } from '../../../../protocol/bytes.ts'

const key = utf8('alerts/1')
const payload = utf8('{"kind":"contradicted","sids":[]}')

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = new Uint8Array(bytes)
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return flipped
}

describe('a checked value', () => {
  it('comes back as it was', () => {
    expect(new Uint8Array(parseChecked(key, encodeChecked(key, payload))!)).toEqual(payload)
    expect(new Uint8Array(parseChecked(key, encodeChecked(key, utf8('')))!)).toEqual(utf8(''))
  })

  it('tells of every flipped bit in the value', () => {
    const value = encodeChecked(key, payload)
    for (let bit = 0; bit < value.length * 8; bit++) {
      expect(parseChecked(key, flip(value, bit)), `bit ${bit}`).toBeUndefined()
    }
  })

  it('tells of every flipped bit in the key', () => {
    const value = encodeChecked(key, payload)
    for (let bit = 0; bit < key.length * 8; bit++) {
      expect(parseChecked(flip(key, bit), value), `bit ${bit}`).toBeUndefined()
    }
  })

  it('tells of a value that is cut anywhere', () => {
    const value = encodeChecked(key, payload)
    for (let length = 0; length < value.length; length++) {
      expect(parseChecked(key, value.subarray(0, length)), `${length} bytes`).toBeUndefined()
    }
  })
})
