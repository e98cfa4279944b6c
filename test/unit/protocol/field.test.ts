import { describe, expect, it } from 'vitest'
import { Field } from '../../../protocol/field.ts'

describe('a string in a statement', () => {
  it.each([
    ['a', 1],
    ['é', 2],
    ['€', 3],
    ['\u{1f511}', 4],
  ])('of %s may be as long as its limit in bytes, and no longer', (letter, bytes) => {
    const text = letter.repeat(50)
    const field = new Field(text, 'name')
    expect(field.string(50 * bytes)).toBe(text)
    expect(() => field.string(50 * bytes - 1)).toThrow(
      expect.objectContaining({ code: 'too-long', path: 'name' }) as Error,
    )
  })
})
