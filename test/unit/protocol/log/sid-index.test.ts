/** The index of sids: all leaves of one are found, and no choice of sids makes a look-up long. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { SidIndex } from '../../../../protocol/log/sid-index.ts'

const SECRET = new Uint8Array(16).fill(7)
const COUNT = 20_000
const never = (): boolean => false

function indexOf(sids: readonly Uint8Array[]) {
  const looks = { count: 0 }
  const index = new SidIndex(nodeCrypto, SECRET, (leaf) => {
    looks.count++
    return sids[leaf] as Uint8Array
  })
  return { index, looks }
}

/** Sids that are all zeros but for a number from byte `at` on. */
function numbered(at: number): Uint8Array[] {
  return Array.from({ length: COUNT }, (_, n) => {
    const sid = new Uint8Array(32)
    new DataView(sid.buffer).setUint32(at, n)
    return sid
  })
}

describe('an index of sids', () => {
  it.each([0, 1, 13, 28])('is as quick for numbers from byte %i on as for hashes', (at) => {
    const hashes = numbered(0).map((sid) => nodeCrypto.sha256(sid))
    const cost = [hashes, numbered(at)].map((sids) => {
      const { index, looks } = indexOf(sids)
      for (let leaf = 0; leaf < sids.length; leaf++) index.add(leaf, never)
      looks.count = 0
      const wrong = sids.filter((sid, leaf) => index.find(sid).join() !== String(leaf))
      expect(wrong).toEqual([])
      return looks.count
    })
    const [ofHashes = 0, ofNumbers = Infinity] = cost
    expect(ofNumbers).toBeLessThan(2 * ofHashes)
  })

  it('finds every leaf of one sid, and none of another', () => {
    const sid = nodeCrypto.sha256(Uint8Array.of(1))
    const other = Uint8Array.from(sid, (byte, i) => (i === 31 ? byte ^ 1 : byte))
    const { index } = indexOf([sid, other, sid])
    for (const leaf of [0, 1, 2]) expect(index.add(leaf, never)).toBe(true)
    expect(index.find(sid).sort()).toEqual([0, 2])
    expect(index.find(other)).toEqual([1])
    expect(index.add(2, (leaf) => leaf === 0)).toBe(false)
    expect(index.count).toBe(3)
  })
})
