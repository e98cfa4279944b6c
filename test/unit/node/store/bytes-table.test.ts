import { describe, expect, it } from 'vitest'
import { Database } from '../../../../node/store/database.ts'
import { keyIn } from '../../../../node/store/keys.ts'
import { makeRelease } from '../../../support/statements.ts'
import { join } from 'node:path'
import { openStore, temporaryFolder, temporaryStore } from '../../../support/temporary-store.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('a table of byte records', () => {
  it('gives back what was put, in the order of the names, by prefix', async () => {
    const store = await temporaryStore()
    const { logs } = store
    await store.write([
      logs.putting(bytes(2, 9), bytes(29)),
      logs.putting(bytes(2), bytes()),
      logs.putting(bytes(1, 255), bytes(1)),
    ])
    const found: number[][] = []
    for await (const { name, value } of logs.scan(bytes(2))) found.push([...name, -1, ...value])
    expect(found).toEqual([
      [2, -1],
      [2, 9, -1, 29],
    ])
    expect([...(await logs.get(bytes(1, 255)))!]).toEqual([1])
    expect(await logs.get(bytes(1))).toBeUndefined()
    await store.write([logs.deleting(bytes(1, 255))])
    expect(await logs.get(bytes(1, 255))).toBeUndefined()
  })

  it('is written in one batch with a statement', async () => {
    const store = await temporaryStore()
    const { bytes: release } = makeRelease()
    const along = [store.ownLog.putting(bytes(7), bytes(8))]
    await store.statements.put(release, { sync: true, along })
    expect([...(await store.ownLog.get(bytes(7)))!]).toEqual([8])
    expect(await store.logs.get(bytes(7))).toBeUndefined()
  })

  it('tells a record that the disk changed, and sets it aside when it is mended', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    await store.write([store.logs.putting(bytes(1), bytes(10, 11, 12, 13))])
    await store.close()
    const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
    const key = keyIn('logs', bytes(1))
    const value = Uint8Array.from((await database.get(key))!)
    value[5]! ^= 1
    await database.write([{ type: 'put', key, value }], true)
    await database.close()
    const again = await openStore(folder)
    await expect(again.logs.get(bytes(1))).rejects.toMatchObject({ code: 'corrupt' })
    expect((await again.reindex()).damagedRecords).toEqual(['logs/01'])
    expect(await again.logs.get(bytes(1))).toBeUndefined()
    await again.close()
  })
})
