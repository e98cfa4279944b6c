/** What the disk changed behind the store's back: found when it is read, and mended. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Database, type Entry } from '../../node/store/database.ts'
import { INDEX_TABLES, rangeIn, type TableName } from '../../node/store/keys.ts'
import type { Store } from '../../node/store/store.ts'
import { toHex } from '../../protocol/bytes.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
} from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'

/** All that have an entry of what these tests store. */
const INDEXES = INDEX_TABLES.filter((table) => table !== 'byInput')

const release = makeRelease()
const alice = makeOperator('alice')
const rebuild = makeRebuild({ operator: alice, release })
const others = ['bob', 'carol'].map((name) =>
  makeRebuild({ operator: makeOperator(name), release }),
)
const all = [release, rebuild, ...others]
const { sid } = rebuild.statement

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return flipped
}

describe('T18: a store whose disk changed something', () => {
  let folder: string

  beforeEach(async () => {
    folder = await temporaryFolder()
    const store = await openStore(folder)
    for (const { bytes } of all) await store.statements.put(bytes)
    await store.queue.put('work', { state: 'waiting' })
    await store.queue.put('more', { state: 'waiting' })
    await store.close()
  })

  async function open(): Promise<Store> {
    const store = await openStore(folder)
    onTestFinished(() => store.close())
    return store
  }

  /** Changes entries of one table while the store is closed, as a disk would. */
  async function change(
    table: TableName,
    mutate: (entry: Entry) => Uint8Array | 'delete' | 'keep',
  ): Promise<void> {
    const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
    for (const [key, value] of await database.entries(rangeIn(table))) {
      const changed = mutate([key, value])
      if (changed === 'keep') continue
      if (changed === 'delete') await database.write([{ type: 'del', key }], true)
      else await database.write([{ type: 'put', key, value: changed }], true)
    }
    await database.close()
  }

  const damageRebuild = (): Promise<void> =>
    change('statement', ([key, value]) =>
      toHex(key).endsWith(sid) ? flip(value, (value.length - 40) * 8) : 'keep',
    )

  it('names the statement that is damaged wherever it is asked for, and gives no part of the rest', async () => {
    await damageRebuild()
    const { statements } = await open()
    const damaged = { name: 'StoreError', code: 'corrupt', sid }
    await expect(statements.get(sid)).rejects.toMatchObject(damaged)
    await expect(statements.ofImage(TEST_IMAGE)).rejects.toMatchObject(damaged)
    await expect(statements.rebuildsOf(release.statement.sid)).rejects.toMatchObject(damaged)
    await expect(statements.ofKey(alice.key.publicKey)).rejects.toMatchObject(damaged)
    await expect(statements.recent(10)).rejects.toMatchObject(damaged)
    const { manifestDigest } = imageDigests('good')
    await expect(statements.byPublishedDigest(manifestDigest)).rejects.toMatchObject(damaged)
    expect((await statements.get(release.statement.sid))?.statement).toEqual(release.statement)
  })

  it('sets it aside when it is mended, and takes it again from whoever has it', async () => {
    await damageRebuild()
    const store = await open()
    const report = await store.reindex()
    expect(report).toMatchObject({ statements: 3, damaged: [sid], damagedRecords: [] })
    expect(await store.statements.has(sid)).toBe(false)
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(3)
    expect(await store.statements.put(rebuild.bytes)).toBe('stored')
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(4)
    expect(store.statements.count()).toBe(4)
    expect(await store.reindex()).toMatchObject({ statements: 4, added: 0, removed: 0 })
  })

  it('replaces it at once where it is put again', async () => {
    await damageRebuild()
    const store = await open()
    expect(await store.statements.put(rebuild.bytes)).toBe('stored')
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(4)
    expect(await store.statements.ofKey(alice.key.publicKey)).toEqual([rebuild.statement])
    expect(await store.statements.recent(10)).toHaveLength(4)
    expect(store.statements.count()).toBe(4)
  })

  it.each(INDEXES)('finds a damaged entry of the index %s, and makes it anew', async (table) => {
    await change(table, ([, value]) => flip(value, 5))
    const store = await open()
    const { statements } = store
    const ask = {
      byImage: () => statements.ofImage(TEST_IMAGE),
      byKey: () => statements.ofKey(alice.key.publicKey),
      named: () => statements.rebuildsOf(release.statement.sid),
      byVersion: () => statements.releaseBy(TEST_IMAGE, '1.0.0'),
      byPublished: () => statements.byPublishedDigest(imageDigests('good').manifestDigest),
      byArrival: () => statements.recent(10),
      outlines: () => statements.outlines(TEST_IMAGE),
    }[table]
    await expect(ask()).rejects.toMatchObject({ code: 'corrupt', sid: undefined })
    const report = await store.reindex()
    expect(report.added).toBeGreaterThan(0)
    expect(report).toMatchObject({ statements: 4, damaged: [], removed: 0 })
    expect((await ask()).length).toBeGreaterThan(0)
  })

  it.each(INDEXES)(
    'makes entries of %s anew that are missing after an unclean stop, without being asked',
    async (table) => {
      await change(table, () => 'delete')
      await writeFile(join(folder, 'sealed'), 'torn')
      const store = await open()
      expect(store.uncleanStop).toBe(true)
      expect(store.recovery.reindexed?.added).toBeGreaterThan(0)
      expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(4)
      expect(await store.reindex()).toMatchObject({ added: 0, removed: 0 })
    },
  )

  it('takes away entries of statements that are gone', async () => {
    await change('statement', ([key]) => (toHex(key).endsWith(sid) ? 'delete' : 'keep'))
    const store = await open()
    await expect(store.statements.ofImage(TEST_IMAGE)).rejects.toMatchObject({
      code: 'corrupt',
      sid,
    })
    const report = await store.reindex()
    expect(report).toMatchObject({ statements: 3, added: 0 })
    expect(report.removed).toBeGreaterThan(0)
    expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(3)
  })

  it('finds a damaged record, and sets it aside when it is mended', async () => {
    await change('queue', ([key, value]) =>
      new TextDecoder().decode(key).endsWith('work') ? flip(value, 77) : 'keep',
    )
    const store = await open()
    await expect(store.queue.get('work')).rejects.toMatchObject({ code: 'corrupt' })
    await expect(store.queue.all()).rejects.toMatchObject({ code: 'corrupt' })
    expect(await store.queue.get('more')).toEqual({ state: 'waiting' })
    expect((await store.reindex()).damagedRecords).toHaveLength(1)
    expect(await store.queue.all()).toEqual([{ state: 'waiting' }])
  })

  it('is refused where its format number cannot be read', async () => {
    await change('system', ([, value]) => flip(value, 3))
    await expect(openStore(folder)).rejects.toMatchObject({ code: 'corrupt' })
  })

  it.each([
    ['journal', '.log', 0],
    // The journal becomes a table file at the next opening.
    ['table file', '.ldb', 1],
  ])(
    'tells when it is opened that a bit of its %s was flipped, wherever it was',
    async (_, extension, openings) => {
      for (let i = 0; i < openings; i++) await (await openStore(folder)).close()
      const files = await readdir(join(folder, 'level'))
      const file = join('level', files.find((name) => name.endsWith(extension)) ?? '')
      const contents = await readFile(join(folder, file))
      expect(contents.length).toBeGreaterThan(1000)
      for (let i = 0; i < 24; i++) {
        const bit = Math.floor(((i + 0.5) / 24) * (contents.length - 48)) * 8 + (i % 8)
        const copy = await temporaryFolder()
        await cp(folder, copy, { recursive: true })
        await writeFile(join(copy, file), flip(contents, bit))
        const store = await openStore(copy).catch((error: unknown) => {
          expect(error, `bit ${bit}`).toMatchObject({ name: 'StoreError', code: 'corrupt' })
        })
        if (store === undefined) continue
        expect(store.uncleanStop, `bit ${bit}`).toBe(true)
        await store.close()
      }
    },
  )

  it('finds damaged files of a store that is too large for a look at each start', async () => {
    await (await openStore(folder)).close()
    const files = await readdir(join(folder, 'level'))
    const name = files.find((each) => each.endsWith('.ldb')) ?? ''
    const path = join(folder, 'level', name)
    const contents = await readFile(path)
    await writeFile(path, flip(contents, contents.length * 4))
    const store = await openStore(folder, { maxScrubBytes: 0 })
    onTestFinished(() => store.close())
    expect(store.uncleanStop).toBe(false)
    expect(await store.findDamagedFiles()).toEqual([name])
  })
})
