import { expect, test } from 'vitest'
import { TokenBuckets } from '../../../../node/network/token-buckets.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

function buckets(maxNames = 10): { clock: ManualClock; buckets: TokenBuckets } {
  const clock = new ManualClock()
  return { clock, buckets: new TokenBuckets(clock, { capacity: 2, refillMs: 10_000, maxNames }) }
}

test('a name may spend its capacity, then gets one back each refill, never more than its capacity', () => {
  const { clock, buckets: b } = buckets()
  expect([b.take('a'), b.take('a'), b.take('a')]).toEqual([true, true, false])
  clock.advance(9)
  expect(b.take('a')).toBe(false)
  clock.advance(1)
  expect([b.take('a'), b.take('a')]).toEqual([true, false])
  clock.advance(1000)
  expect([b.take('a'), b.take('a'), b.take('a')]).toEqual([true, true, false])
})

test('one name does not pay for another', () => {
  const { buckets: b } = buckets()
  expect([b.take('a'), b.take('a'), b.take('a'), b.take('b')]).toEqual([true, true, false, true])
})

test('a clock that is set back takes no budget away and gives none', () => {
  const { clock, buckets: b } = buckets()
  expect([b.take('a'), b.take('a')]).toEqual([true, true])
  clock.advance(-3600)
  expect(b.take('a')).toBe(false)
  clock.advance(10)
  expect(b.take('a')).toBe(true)
})

test('of too many names the one that was quiet longest is forgotten', () => {
  const { buckets: b } = buckets(2)
  for (const name of ['a', 'a', 'b', 'b', 'a', 'c']) b.take(name)
  // `b` was quiet longest; `a` is still known to have nothing left.
  expect([b.take('a'), b.take('b')]).toEqual([false, true])
})
