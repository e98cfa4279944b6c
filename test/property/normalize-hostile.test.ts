import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { loadLayerVectors, vectorOptions, vectorTar } from '../support/layer-vectors.ts'
import { tryLayer } from '../support/read-layer.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { makeTar } from '../support/tar-writer.ts'

/** One of everything, in three dialects. */
const EVERYTHING = makeTar([
  { path: 'd/', type: 'directory', pax: { mtime: '1.5', 'SCHILY.xattr.user.k': 'v' } },
  { path: 'd/f', content: 'content', uname: 'root' },
  { path: 'd/h', type: 'hardlink', linkname: 'd/f' },
  { path: 'd/l', type: 'symlink', linkname: '../x' },
  { path: `d/${'n'.repeat(120)}`, dialect: 'gnu', content: 'x' },
  { path: 'd/c', type: 'char', major: 1, minor: 3 },
  { path: '.wh.gone' },
  { path: 'e/.wh..wh..opq' },
])

describe('T14: hostile layers', () => {
  it('cut at any byte give a digest or a NormalizeError, and never that of the whole', () => {
    const whole = tryLayer(EVERYTHING)
    if ('error' in whole) throw whole.error
    const lastEntryEnds = EVERYTHING.length - 1024
    for (let length = 0; length < lastEntryEnds; length++) {
      const cut = tryLayer(EVERYTHING.subarray(0, length))
      if ('digest' in cut) expect(cut.digest, `cut at ${length}`).not.toBe(whole.digest)
      else expect(cut.error.offset, `cut at ${length}`).toBeLessThanOrEqual(length)
    }
  })

  it('mutated give a digest or a NormalizeError, the same however they are cut', () => {
    const random = new SeededRandom(20_240_229)
    for (let round = 0; round < 4000; round++) {
      const tar = EVERYTHING.slice()
      const changes = 1 + random.integer(3)
      for (let i = 0; i < changes; i++) tar[random.integer(tar.length)] = random.integer(256)
      if (round % 2 === 0) fixChecksums(tar)
      const whole = tryLayer(tar)
      expect(tryLayer(tar, { pieceBytes: 1 + random.integer(600) }), `round ${round}`).toEqual(
        whole,
      )
    }
  })

  it('made of a good layer and any vector give a digest or a NormalizeError', () => {
    const vectors = loadLayerVectors().filter((vector) => vector.limits === undefined)
    const good = vectors.filter((vector) => vector.digest !== undefined)
    let refused = 0
    for (const first of good) {
      const whole = vectorTar(first)
      const end = whole.findLastIndex((byte) => byte !== 0) + 1
      const body = whole.subarray(0, Math.ceil(end / 512) * 512)
      for (const second of vectors) {
        const result = tryLayer(concat(body, vectorTar(second)), vectorOptions(first))
        if ('error' in result) refused++
      }
    }
    expect(refused).toBeGreaterThan(good.length)
  })
})

/** Writes the right checksum over each block that looks like a header, so that more is reached. */
function fixChecksums(tar: Uint8Array): void {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const block = tar.subarray(at, at + 512)
    if (block[257] !== 0x75) continue
    block.fill(0x20, 148, 156)
    const sum = block.reduce((total, byte) => total + byte, 0)
    const digits = `${sum.toString(8).padStart(6, '0')}\0 `
    for (let i = 0; i < 8; i++) block[148 + i] = digits.charCodeAt(i)
  }
}
