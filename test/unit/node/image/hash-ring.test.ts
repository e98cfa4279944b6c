import { createHash, randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHashRing, RingHasher } from '../../../../node/image/hash-ring.ts'

const MIB = 1024 * 1024
let thread: Worker
let hasher: RingHasher

beforeAll(() => {
  const ring = createHashRing()
  const url = new URL('../../../../node/image/hash-thread.ts', import.meta.url)
  thread = new Worker(url, { workerData: { ring }, execArgv: [] })
  hasher = new RingHasher(ring)
})

afterAll(async () => {
  await thread.terminate()
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const digest = () => Buffer.from(hasher.digest()).toString('hex')

describe('hashing on another thread', () => {
  it.each([0, 1, 1000, 4 * MIB, 4 * MIB + 1, 33 * MIB])('is SHA-256, of %i bytes', (length) => {
    const bytes = randomBytes(length)
    for (let at = 0; at < length; at += 700_001) hasher.update(bytes.subarray(at, at + 700_001))
    expect(digest()).toBe(sha256(bytes))
  })

  it('begins anew after each digest, and after a reset', () => {
    hasher.update(Buffer.from('given up'))
    hasher.reset()
    hasher.reset()
    hasher.update(Buffer.from('kept'))
    expect(digest()).toBe(sha256(Buffer.from('kept')))
    expect(digest()).toBe(sha256(Buffer.from('')))
  })
})
