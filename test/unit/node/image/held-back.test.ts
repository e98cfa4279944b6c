import { randomBytes } from 'node:crypto'
import { fstatSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readHeldBack } from '../../../../node/image/held-back.ts'

const HELD = 32
const KIB = 1024
/** Little, and lent often: also less than is held back. */
const ROOM = 20

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-held-back-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

async function open(bytes: Uint8Array): Promise<number> {
  const path = join(folder, 'file')
  await writeFile(path, bytes)
  return openSync(path, 'r')
}

describe('a pipe read to its end', () => {
  it.each([0, 1, HELD - 1, HELD, HELD + 1, 256 * KIB, 256 * KIB + HELD, 1000 * KIB + 1])(
    'gives all of %i bytes but the last, and those at the end',
    async (length) => {
      const bytes = randomBytes(length)
      const memory = Buffer.alloc(length + ROOM)
      let taken = 0
      const end = readHeldBack(await open(bytes), HELD, {
        lend: (ahead = 0) => memory.subarray(taken + ahead, taken + ahead + ROOM),
        take: (count) => void (taken += count),
      })
      const cut = Math.max(0, length - HELD)
      expect(taken).toBe(cut)
      expect(memory.subarray(0, taken).equals(bytes.subarray(0, cut))).toBe(true)
      expect(end.length).toBe(length)
      expect(Buffer.from(end.tail).equals(bytes.subarray(cut))).toBe(true)
    },
  )

  it('is closed, also where no more is wanted', async () => {
    const pipe = await open(randomBytes(KIB))
    const refuse = (): never => {
      throw new RangeError('enough')
    }
    expect(() => readHeldBack(pipe, HELD, { lend: refuse, take: refuse })).toThrow('enough')
    expect(() => fstatSync(pipe)).toThrow('EBADF')
  })
})
