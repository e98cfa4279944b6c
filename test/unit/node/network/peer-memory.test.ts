import { expect, test } from 'vitest'
import { PeerMemory } from '../../../../node/network/peer-memory.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const HOUR = 3600

test('two invalid messages ban a peer from the moment when its connection ends', () => {
  const memory = new PeerMemory(new ManualClock(), [])
  memory.sentInvalid('a')
  memory.sentInvalid('a')
  // While it is connected, gossipsub itself counts them.
  expect([memory.score('a'), memory.isBanned('a')]).toEqual([0, false])
  memory.disconnected('a')
  expect([memory.score('a'), memory.isBanned('a')]).toEqual([-800, true])
  memory.disconnected('a')
  expect(memory.score('a')).toBe(-800)
  expect(memory.isBanned('b')).toBe(false)
})

test('one lie bans at once, and fades to a tenth in 6 hours', () => {
  const clock = new ManualClock()
  const memory = new PeerMemory(clock, [])
  memory.lied('a')
  expect(memory.isBanned('a')).toBe(true)
  clock.advance(6 * HOUR)
  expect(memory.score('a')).toBeCloseTo(-80)
  expect(memory.isBanned('a')).toBe(false)
  memory.lied('a')
  expect(memory.score('a')).toBeCloseTo(-880)
})

test('a configured peer starts higher and is banned like any other', () => {
  const memory = new PeerMemory(new ManualClock(), ['friend'])
  expect(memory.score('friend')).toBe(100)
  memory.lied('friend')
  expect(memory.isBanned('friend')).toBe(true)
})

test('a flood of names does not grow it without end', () => {
  const memory = new PeerMemory(new ManualClock(), [])
  memory.lied('first')
  for (let i = 0; i < 4096; i++) memory.lied(`peer ${i}`)
  expect([memory.isBanned('first'), memory.isBanned('peer 0')]).toEqual([false, true])
})
