import { expect, test } from 'vitest'
import { discoveryFact } from '../../../cli/terminal/discovery.ts'

test('a node that can find nobody is told that it is alone', () => {
  const fact = discoveryFact({ bootstrap: 0, mdns: false, remembered: 0 })
  expect(fact).toMatchObject({ tone: 'warn', text: expect.stringContaining('alone') as string })
})

test('a node that finds only its neighbours is told so', () => {
  const fact = discoveryFact({ bootstrap: 0, mdns: true, remembered: 0 })
  expect(fact).toMatchObject({ tone: 'warn', text: expect.stringContaining('local network only') })
})

test('the ways to others are named', () => {
  expect(discoveryFact({ bootstrap: 2, mdns: true, remembered: 1 })).toBe(
    '2 bootstrap nodes, 1 peer from before, the local network',
  )
  expect(discoveryFact({ bootstrap: 0, mdns: false, remembered: 4 })).toBe('4 peers from before')
})
