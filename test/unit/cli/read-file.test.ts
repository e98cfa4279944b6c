import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readNamedFile } from '../../../cli/read-file.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('a file that a user names', () => {
  it('is read up to the cap, and refused above it', async () => {
    const file = join(root, 'file')
    await writeFile(file, '12345')
    expect((await readNamedFile(file, 5)).toString()).toBe('12345')
    await expect(readNamedFile(file, 4)).rejects.toThrow('larger than the 4 bytes')
  })

  it('that has no end, or nobody at its other end, is refused at once', async () => {
    const pipe = join(root, 'pipe')
    execFileSync('bash', ['-c', 'mkfifo "$0"', pipe])
    for (const path of ['/dev/zero', pipe]) {
      await expect(readNamedFile(path, 10)).rejects.toThrow(`${path}: it is no regular file`)
    }
  })

  it('that says it has no bytes is held to the cap all the same', async () => {
    await expect(readNamedFile('/proc/self/maps', 10)).rejects.toThrow('larger than the 10 bytes')
  })

  it('that cannot be read says why, in one line', async () => {
    await expect(readNamedFile(join(root, 'none'), 5)).rejects.toThrow('no such file')
    await expect(readNamedFile(root, 5)).rejects.toThrow('it is a folder')
  })
})
