import { expect, it } from 'vitest'
import { StatementCache } from '../../../../node/store/statement-cache.ts'
import { makeRelease } from '../../../support/statements.ts'

it('forgets what was used least recently, and no more than it must', () => {
  const cache = new StatementCache(2)
  const [a, b, c] = ['1', '2', '3'].map((version) => makeRelease({ version }).statement)
  if (a === undefined || b === undefined || c === undefined) throw new Error('three were made')
  cache.add(a)
  cache.add(b)
  expect(cache.get(a.sid)).toBe(a)
  cache.add(c)
  expect(cache.get(b.sid)).toBeUndefined()
  expect(cache.get(a.sid)).toBe(a)
  expect(cache.get(c.sid)).toBe(c)
})
