import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DiskWatch, folderBytes } from '../../../../node/rebuild/disk-watch.ts'
import { removeWorkFolder } from '../../../../node/rebuild/work-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-work-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('removing a work folder', () => {
  it('is no error where there is none', async () => {
    await removeWorkFolder(join(folder, 'none'))
  })

  // Mounting needs root; without it no build leaves a mount either.
  it.runIf(process.getuid?.() === 0)('spares what is mounted in it', async () => {
    const precious = join(folder, 'precious')
    const work = join(folder, 'work with space')
    mkdirSync(precious)
    mkdirSync(join(work, 'a/b'), { recursive: true })
    writeFileSync(join(precious, 'file'), 'kept')
    for (const point of ['a', 'a/b']) {
      mkdirSync(join(precious, 'b'), { recursive: true })
      const { status } = spawnSync('mount', ['--bind', precious, join(work, point)])
      expect(status).toBe(0)
    }
    await removeWorkFolder(work)
    expect(existsSync(work)).toBe(false)
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('kept')
  })
})

describe('the watch on a disk', () => {
  it('raises the alarm at once where too little is free', async () => {
    const watch = new DiskWatch(folder, { maxBytes: 1e15, minFreeBytes: 1e15 })
    await watch.start()
    expect([watch.trouble, watch.signal.aborted]).toEqual(['disk-full', true])
    watch.stop()
  })

  it('measures the folder and not the disk', async () => {
    const own = join(folder, 'own')
    mkdirSync(join(own, 'sub'), { recursive: true })
    const watch = new DiskWatch(own, { maxBytes: 500_000, minFreeBytes: 0 })
    await watch.start()
    expect(await watch.check()).toBeUndefined()
    writeFileSync(join(own, 'sub/file'), Buffer.alloc(1_000_000, 1))
    expect(await folderBytes(own)).toBeGreaterThanOrEqual(1_000_000)
    expect(await watch.check()).toBe('over-limit')
    expect(watch.signal.aborted).toBe(true)
    watch.stop()
  })
})
