/** Rendezvous hashing: everybody finds the same, all have their share, and few move. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { replicaOrder, replicaTurn } from '../../protocol/replica.ts'

const operator = fc.stringMatching(/^op1[a-z2-7]{8}$/)
const input = fc.stringMatching(/^[0-9a-f]{64}$/)
const operators = fc.uniqueArray(operator, { minLength: 1, maxLength: 30 })
const replicas = fc.integer({ min: 1, max: 10 })
const first = (digest: string, of: readonly string[], n: number): Set<string> =>
  new Set(replicaOrder(digest, of, nodeCrypto).slice(0, n))

describe('the order of the volunteers', () => {
  it('is by the hash that the specification names', () => {
    const digest = 'ab'.repeat(32)
    const weight = (id: string): string =>
      createHash('sha256').update(`rebuildnet/replica/1\0${digest}${id}`, 'ascii').digest('hex')
    const ids = ['op1aaaa', 'op1bbbb', 'op1cccc', 'op1dddd']
    const expected = ids.toSorted((a, b) => (weight(a) > weight(b) ? -1 : 1))
    expect(replicaOrder(digest, ids, nodeCrypto)).toEqual(expected)
  })

  it('does not hang on the order or repetition in which they are known', () => {
    fc.assert(
      fc.property(input, operators, fc.infiniteStream(fc.nat()), (digest, ids, random) => {
        const shuffled = [...ids, ...ids]
          .map((id) => ({ id, at: random.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ id }) => id)
        const order = replicaOrder(digest, ids, nodeCrypto)
        expect(replicaOrder(digest, shuffled, nodeCrypto)).toEqual(order)
        expect([...order].sort()).toEqual([...ids].sort())
      }),
    )
  })

  it('moves nobody else where one joins or leaves', () => {
    fc.assert(
      fc.property(input, operators, operator, replicas, (digest, ids, joining, n) => {
        const others = ids.filter((id) => id !== joining)
        const [before, after] = [first(digest, others, n), first(digest, [...others, joining], n)]
        const gone = [...before].filter((id) => !after.has(id))
        const come = [...after].filter((id) => !before.has(id))
        expect(come.every((id) => id === joining)).toBe(true)
        expect(gone.length).toBeLessThanOrEqual(1)
        // Who did not get in has moved nobody.
        if (!after.has(joining)) expect(gone).toEqual([])
      }),
    )
  })

  it('comes to everybody in the end, so many in each turn', () => {
    fc.assert(
      fc.property(input, operators, replicas, (digest, ids, n) => {
        const order = replicaOrder(digest, ids, nodeCrypto)
        const turns = ids.map((id) => replicaTurn(order, id, n))
        for (let turn = 0; turn < Math.ceil(ids.length / n); turn++) {
          const due = turns.filter((each) => each === turn).length
          expect(due).toBe(Math.min(n, ids.length - turn * n))
        }
        expect(replicaTurn(order, 'op1somebodyelse', n)).toBe(Math.floor(ids.length / n))
      }),
    )
  })

  it('gives each its share', () => {
    const ids = Array.from({ length: 20 }, (_, i) => `op1volunteer${i}`)
    const [inputs, n] = [2000, 5]
    const built = new Map(ids.map((id) => [id, 0]))
    for (let i = 0; i < inputs; i++) {
      const digest = createHash('sha256').update(`input ${i}`).digest('hex')
      for (const id of first(digest, ids, n)) built.set(id, (built.get(id) ?? 0) + 1)
    }
    // Each of 2000 with chance 1/4: 500, with a standard deviation below 20.
    for (const [id, count] of built) expect(Math.abs(count - 500), id).toBeLessThan(100)
  })
})
