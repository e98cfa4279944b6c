import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createByteRing, RingRefused, RingWriter } from '../../../../node/image/byte-ring.ts'

const MIB = 1024 * 1024
let thread: Worker
let writer: RingWriter

beforeAll(() => {
  const ring = createByteRing()
  const url = new URL('../../../support/ring-reader.thread.ts', import.meta.url)
  thread = new Worker(url, { workerData: { ring }, execArgv: [] })
  writer = new RingWriter(ring)
})

afterAll(async () => {
  await thread.terminate()
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What the other thread made of what `write` wrote. */
async function send(write: () => void, most = Infinity): Promise<unknown> {
  const answer = once(thread, 'message')
  thread.postMessage(most)
  write()
  return ((await answer) as unknown[])[0]
}

function writePieces(bytes: Uint8Array, flag: boolean): void {
  for (let at = 0; at < bytes.length; at += 700_001) {
    writer.write(bytes.subarray(at, at + 700_001), flag)
  }
}

describe('a ring between two threads', () => {
  it.each([0, 1, 1000, 2 * MIB, 2 * MIB + 1, 33 * MIB])(
    'carries %i bytes as they are',
    async (length) => {
      const bytes = randomBytes(length)
      const answer = await send(() => {
        writePieces(bytes, true)
        writer.end()
      })
      const flagged = length > 0
      expect(answer).toEqual({ sha256: sha256(bytes), flagged, whole: true, refused: false })
    },
  )

  it('tells the reader that a stream was given up, and carries the next one', async () => {
    const bytes = randomBytes(5000)
    expect(
      await send(() => {
        writePieces(bytes, false)
        writer.giveUp()
      }),
    ).toMatchObject({ whole: false, refused: false })
    expect(
      await send(() => {
        writePieces(bytes, false)
        writer.end()
      }),
    ).toEqual({ sha256: sha256(bytes), flagged: false, whole: true, refused: false })
  })

  it('tells the writer that the reader wants no more, and carries the next stream', async () => {
    const bytes = randomBytes(9 * MIB)
    const answer = await send(() => {
      expect(() => writePieces(bytes, false)).toThrow(RingRefused)
      writer.end()
    }, MIB)
    expect(answer).toMatchObject({ refused: true })
    expect(
      await send(() => {
        writePieces(bytes, false)
        writer.end()
      }),
    ).toMatchObject({ sha256: sha256(bytes), whole: true })
  })
})
