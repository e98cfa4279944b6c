import { describe, expect, it } from 'vitest'
import { mergeByName } from '../../../../protocol/normalize/merge-by-name.ts'
import { sortByName } from '../../../../protocol/normalize/name-sort.ts'
import { SeededRandom } from '../../../support/seeded-random.ts'

const randomName = (random: SeededRandom): string =>
  Array.from({ length: random.integer(6) }, () => random.pick(['a', 'b', '\0', '\u00ff'])).join('')

describe('numbers sorted by name', () => {
  it.each([
    ['all names at once', { maxNames: 1000, maxNameBytes: 1_000_000 }],
    ['few names at once', { maxNames: 7, maxNameBytes: 1_000_000 }],
    ['few bytes at once', { maxNames: 1000, maxNameBytes: 5 }],
  ])('have the order of the bytes of their names, with %s', (_name, limits) => {
    for (let seed = 0; seed < 50; seed++) {
      const random = new SeededRandom(seed)
      const names = [...new Set(Array.from({ length: 200 }, () => randomName(random)))]
      const numbers = Uint32Array.from(names, (_, i) => i)
      const sorted = sortByName(numbers, (number) => names[number] as string, limits)
      const found = [...sorted].map((number) => names[number])
      expect(found, `seed ${seed}`).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)))
    }
  })
})

describe('sorted sequences as one', () => {
  it('come sorted, and equal names in the order of their sources', () => {
    const sources = [
      [
        ['a', 1],
        ['c', 2],
      ],
      [],
      [
        ['a', 3],
        ['b', 4],
        ['c', 5],
        ['d', 6],
      ],
      [['a', 7]],
    ] as const
    expect([...mergeByName<number>(sources)]).toEqual([
      ['a', 1, 0],
      ['a', 3, 2],
      ['a', 7, 3],
      ['b', 4, 2],
      ['c', 2, 0],
      ['c', 5, 2],
      ['d', 6, 2],
    ])
  })
})
