/**
 * HalfSipHash-1-3: 32 bits of a keyed hash, for tables whose keys strangers choose. Without the key
 * nobody can make names that fall into one slot.
 */
import type { ByteString } from './byte-string.ts'

export interface HashKey {
  readonly k0: number
  readonly k1: number
}

const FINAL_ROUNDS = 3

/** Of a number and a text of at most 255 bytes. */
export function halfSipHash({ k0, k1 }: HashKey, number: number, text: ByteString): number {
  let v0 = k0 | 0
  let v1 = k1 | 0
  let v2 = 0x6c796765 ^ k0
  let v3 = 0x74656462 ^ k1
  const words = (text.length >> 2) + 1
  for (let i = -1; i < words; i++) {
    let word = i < 0 ? number | 0 : 0
    if (i >= 0) {
      const start = i << 2
      const end = Math.min(start + 4, text.length)
      for (let at = start; at < end; at++) word |= text.charCodeAt(at) << ((at - start) << 3)
      if (i === words - 1) word |= text.length << 24
    }
    v3 ^= word
    // One round.
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  v2 ^= 0xff
  for (let i = 0; i < FINAL_ROUNDS; i++) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  return (v1 ^ v3) >>> 0
}
