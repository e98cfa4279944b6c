import { describe, expect, it } from 'vitest'
import { spreadOf } from '../../../node/statistics.ts'

describe('a spread', () => {
  it('is of values that are there, by nearest rank', () => {
    expect(spreadOf([5, 1, 4, 2, 3, 10, 9, 8, 7, 6])).toEqual({
      ...{ count: 10, median: 5, p90: 9, longest: 10 },
    })
    expect(spreadOf([7, 3, 5])).toEqual({ count: 3, median: 5, p90: 7, longest: 7 })
    expect(spreadOf([9])).toEqual({ count: 1, median: 9, p90: 9, longest: 9 })
  })

  it('says nothing where nothing was measured', () => {
    expect(spreadOf([])).toEqual({ count: 0, median: null, p90: null, longest: null })
  })
})
