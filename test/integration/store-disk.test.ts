/** What the store does on a real disk that is full, or has little room left. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { Store } from '../../node/store/store.ts'
import { makeRelease, TEST_IMAGE } from '../support/statements.ts'
import { describeOnDisk, DISK_BYTES, temporaryDisk } from '../support/small-disk.ts'
import { openStore } from '../support/temporary-store.ts'

/** Stores releases one after the other until one is refused; says which were accepted, and why it ended. */
async function fill(
  store: Store,
  from = 0,
): Promise<{ readonly accepted: string[]; readonly refusal: unknown }> {
  const accepted: string[] = []
  for (let i = from; i < from + 50_000; i++) {
    const { bytes, statement } = makeRelease({ version: `1.0.${i}` })
    try {
      await store.statements.put(bytes, { sync: i % 10 === 0 })
      accepted.push(statement.sid)
    } catch (refusal) {
      return { accepted, refusal }
    }
  }
  throw new Error('the disk took everything')
}

describeOnDisk('T23: a store on a disk that becomes full', () => {
  it('loses nothing that it accepted, answers on, and opens again once there is room', async () => {
    const disk = temporaryDisk()
    const directory = join(disk, 'store')
    const ballast = join(disk, 'ballast')
    await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024, 1))
    const store = await openStore(directory)
    const { accepted, refusal } = await fill(store)
    expect(refusal).toMatchObject({ name: 'StoreError', code: 'disk-full' })
    expect(accepted.length).toBeGreaterThan(100)

    // Read-only, and it answers.
    expect(store.readOnly).toBe(true)
    const { bytes } = makeRelease({ version: 'late' })
    await expect(store.statements.put(bytes)).rejects.toMatchObject({ code: 'read-only' })
    await expect(store.meta.put('a', 1)).rejects.toMatchObject({ code: 'read-only' })
    const [last = ''] = accepted.slice(-1)
    expect((await store.statements.get(last))?.statement.sid).toBe(last)
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(accepted.length)
    await store.close()

    // Nothing can be opened while the disk is full...
    await writeFile(join(disk, 'rest'), Buffer.alloc(DISK_BYTES, 1)).catch(() => undefined)
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'disk-full' })

    // ...and everything is there when it is not.
    await rm(ballast)
    await rm(join(disk, 'rest'))
    const again = await openStore(directory)
    onTestFinished(() => again.close())
    const held = await again.statements.sids([TEST_IMAGE])
    expect(held).toEqual(expect.arrayContaining(accepted))
    expect(await again.statements.ofImage(TEST_IMAGE)).toHaveLength(held.length)
    expect(again.uncleanStop).toBe(true)
    expect(await again.statements.put(bytes)).toBe('stored')
  })

  it('stops before that where room is to be kept free, and goes on by itself when there is', async () => {
    const disk = temporaryDisk()
    const ballast = join(disk, 'ballast')
    await writeFile(ballast, Buffer.alloc(6 * 1024 * 1024, 1))
    const store = await openStore(join(disk, 'store'), {
      freeSpaceLimits: { minFreeBytes: 5 * 1024 * 1024, minFreeShare: 0 },
    })
    onTestFinished(() => store.close())
    const { accepted, refusal } = await fill(store)
    expect(refusal).toMatchObject({ code: 'read-only' })
    expect(String(refusal)).toContain('MiB are free on the disk of')
    expect(store.readOnly).toBe(true)
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(accepted.length)

    await rm(ballast)
    await store.checkSpace()
    expect(store.readOnly).toBe(false)
    expect(await store.statements.put(makeRelease({ version: 'late' }).bytes)).toBe('stored')
  })

  it('keeps a share of the disk free as well', async () => {
    const disk = temporaryDisk()
    const store = await openStore(join(disk, 'store'), {
      freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0.999 },
    })
    onTestFinished(() => store.close())
    const { bytes } = makeRelease()
    await expect(store.statements.put(bytes)).rejects.toMatchObject({ code: 'read-only' })
  })
})
