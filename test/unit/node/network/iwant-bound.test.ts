import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { expect, test } from 'vitest'
import { boundIwantAnswers } from '../../../../node/network/iwant-bound.ts'

const KIB = 1024

/** A router that has every message, each of `bytes`. */
function find(bytes: number): (id: string, peer: string) => unknown {
  const mcache = {
    getWithIWantCount: () => ({ msg: { data: new Uint8Array(bytes) }, count: 1 }),
  }
  boundIwantAnswers({ mcache } as unknown as GossipSub, 96 * KIB)
  return (mcache as { getWithIWantCount: (id: string, peer: string) => unknown }).getWithIWantCount
}

/** How many of 200 messages one answer holds. */
function answer(ask: (id: string, peer: string) => unknown, peer: string): number {
  return Array.from({ length: 200 }, (_, i) => ask(`${i}`, peer)).filter((found) => found !== null)
    .length
}

test('an answer stays within the bytes of one RPC, and the next one begins anew', async () => {
  const ask = find(30 * KIB)
  expect(answer(ask, 'a')).toBe(3)
  await Promise.resolve()
  expect(answer(ask, 'a')).toBe(3)
  expect(answer(ask, 'b')).toBe(3)
})

test('an answer stays within the messages of one RPC', () => {
  expect(answer(find(100), 'a')).toBe(64)
})
