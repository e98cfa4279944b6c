/** Stores whose files the disk has changed: what can be read is saved into a new database. */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { examine } from '../../node/store/examination.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { Database } from '../../node/store/database.ts'
import { encodeChecked } from '../../node/store/checked.ts'
import { FORMAT_KEY } from '../../node/store/format.ts'
import { keyIn, statementKey } from '../../node/store/keys.ts'
import { encodeStatementRecord } from '../../node/store/statement-record.ts'
import type { Store, StoreInit } from '../../node/store/store.ts'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import { sidOf } from '../../protocol/sid.ts'
import { makeOperator, makeRelease } from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'

const PLACES = 12
/** A block of a table is 4 KiB, and compressed as a whole. */
const MAX_LOST = 8
const operator = makeOperator('alice')
const releases = Array.from({ length: 40 }, (_, i) =>
  makeRelease({ operator, version: `1.${i}.0` }),
)
const sids = releases.map(({ statement }) => statement.sid).sort()

let folder: string

/** Statements and records in a table file, and some more in a journal. */
beforeEach(async () => {
  folder = await temporaryFolder()
  for (const half of [releases.slice(0, 20), releases.slice(20)]) {
    const store = await openStore(folder)
    for (const { bytes } of half) await store.statements.put(bytes)
    await store.queue.put('work', { state: half.length === 20 ? 'waiting' : 'done' })
    await store.close()
  }
})

async function fileOf(extension: string): Promise<string> {
  const names = await readdir(join(folder, 'level'))
  return join(folder, 'level', names.find((name) => name.endsWith(extension)) ?? '')
}

async function copyWith(file: string, contents: Uint8Array): Promise<string> {
  const copy = await temporaryFolder()
  await cp(folder, copy, { recursive: true })
  await writeFile(file.replace(folder, copy), contents)
  return copy
}

async function open(directory: string, init: Partial<StoreInit> = {}): Promise<Store> {
  const store = await openStore(directory, init)
  onTestFinished(() => store.close())
  return store
}

describe('a store of which a bit has turned over', () => {
  it.each(['.ldb', '.log'])(
    'keeps all but what stood in its block, wherever it is in a %s file',
    async (extension) => {
      const file = await fileOf(extension)
      const contents = await readFile(file)
      for (let i = 0; i < PLACES; i++) {
        const at = Math.floor(((i + 0.5) / PLACES) * contents.length)
        const flipped = Uint8Array.from(contents)
        flipped[at]! ^= 1 << (i & 7)
        const copy = await copyWith(file, flipped)
        // A look changes nothing.
        const found = await examine(copy, { crypto: nodeCrypto })
        expect(found?.damagedFiles, `byte ${at}`).toEqual([file.split('/').at(-1)])
        expect(found?.statements, `byte ${at}`).toBeGreaterThanOrEqual(sids.length - MAX_LOST)
        expect(await readFile(file.replace(folder, copy))).toEqual(Buffer.from(flipped))

        const store = await openStore(copy)
        const here = (await Promise.all(sids.map((sid) => store.statements.has(sid)))).filter(
          Boolean,
        )
        expect(here.length, `byte ${at}`).toBe(found?.statements)
        expect(store.recovery).toMatchObject({ uncleanStop: true, lostWrites: true })
        const { kept = '', lost } = store.recovery.replacement ?? {}
        if (lost !== undefined) expect(lost, `byte ${at}`).toBe(sids.length - here.length)
        expect(await readFile(join(kept, file.split('/').at(-1)!))).toEqual(Buffer.from(flipped))
        expect(await store.reindex()).toMatchObject({ damaged: [], added: 0, removed: 0 })
        await store.close()
        expect(await examine(copy, { crypto: nodeCrypto })).toBeUndefined()
      }
    },
  )

  it('keeps all but two statements of one large batch in a journal, whatever length in it is wrong', async () => {
    folder = await temporaryFolder()
    const filled = await openStore(folder)
    // What comes while the first is written is one batch.
    await Promise.all(releases.map(({ bytes }) => filled.statements.put(bytes)))
    await filled.close()
    const file = await fileOf('.log')
    const contents = await readFile(file)
    for (const { statement } of releases) {
      const key = statementKey(statement.sid)
      const at = contents.indexOf(key)
      // The length of the key, and the first byte of the length of the value.
      for (const place of [at - 1, at + key.length]) {
        const flipped = Uint8Array.from(contents)
        flipped[place]! ^= 0x80
        const found = await examine(await copyWith(file, flipped), { crypto: nodeCrypto })
        expect(found?.statements, `byte ${place}`).toBeGreaterThanOrEqual(sids.length - 2)
      }
    }
  })

  it('takes no statement out of bytes that somebody had put into another record', async () => {
    const { statement, bytes } = makeRelease({
      operator: makeOperator('mallory'),
      version: '6.6.6',
    })
    const forged = Uint8Array.from(bytes)
    // Within the signature.
    forged[40]! ^= 1
    const sid = sidOf(parseEnvelope(forged), nodeCrypto)
    for (const [message, name] of [
      [bytes, statement.sid],
      [forged, sid],
    ] as const) {
      folder = await temporaryFolder()
      await (await openStore(folder)).close()
      const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
      const record = { arrival: 0, bytes: message }
      const value = encodeStatementRecord(name, record, nodeCrypto)
      const length = Uint8Array.of((value.length & 127) | 128, value.length >> 7)
      const inside = concat(Uint8Array.of(1, 33), statementKey(name), length, value)
      const key = keyIn('logs', utf8('leaves'))
      await database.write([{ type: 'put', key, value: encodeChecked(key, inside) }], true)
      await database.close()
      const file = await fileOf('.log')
      const contents = await readFile(file)
      contents[contents.indexOf(key) - 1]! ^= 0x40
      const found = await examine(await copyWith(file, contents), { crypto: nodeCrypto })
      // Whoever signed it could have sent it.
      expect(found?.statements).toBe(message === bytes ? 1 : 0)
    }
  })

  it('is refused where LevelDB cannot find its way, and saved whole where that is asked for', async () => {
    const names = await readdir(join(folder, 'level'))
    for (const name of ['CURRENT', names.find((each) => each.startsWith('MANIFEST'))!]) {
      for (const contents of ['nonsense', undefined]) {
        const copy = await copyWith(join(folder, 'level', name), utf8(contents ?? ''))
        if (contents === undefined) await rm(join(copy, 'level', name))
        const refusal = await openStore(copy).catch((error: unknown) => error)
        expect(refusal, name).toMatchObject({ name: 'StoreError' })
        const store = await open(copy, { saveUnreadable: true })
        expect(store.statements.count(), name).toBe(sids.length)
        expect(await store.queue.get('work'), name).toEqual({ state: 'waiting' })
        expect(store.recovery.replacement?.kept, name).toMatch(/level-damaged-\d{4}-\d\d-\d\dT/)
      }
    }
  })

  it('does not bring back what was taken out', async () => {
    const [gone = ''] = sids
    const store = await openStore(folder)
    await store.statements.remove([gone])
    await store.close()
    await rm(join(folder, 'level', 'CURRENT'))
    const saved = await open(folder, { saveUnreadable: true })
    expect(await saved.statements.has(gone)).toBe(false)
    expect(saved.statements.count()).toBe(sids.length - 1)
  })

  it('is left as it is where a newer rebuildnet wrote it, or nothing of it can be read', async () => {
    const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
    const value = encodeChecked(FORMAT_KEY, utf8('99'))
    await database.write([{ type: 'put', key: FORMAT_KEY, value }], true)
    await database.close()
    await rm(join(folder, 'level', 'CURRENT'))
    await expect(openStore(folder, { saveUnreadable: true })).rejects.toMatchObject({
      code: 'newer-format',
    })
    const empty = await temporaryFolder()
    await mkdir(join(empty, 'level'))
    await writeFile(join(empty, 'level', '000005.ldb'), Buffer.alloc(5000, 7))
    await expect(openStore(empty, { saveUnreadable: true })).rejects.toThrow('nothing in')
    for (const each of [folder, empty]) {
      const names = (await readdir(each)).filter((name) => name.startsWith('level'))
      expect(names).toEqual(['level'])
    }
  })

  it('is not touched while another has it open', async () => {
    const store = await open(folder)
    expect(await examine(folder, { crypto: nodeCrypto })).toBeUndefined()
    await expect(openStore(folder, { saveUnreadable: true })).rejects.toMatchObject({
      code: 'locked',
    })
    expect(store.statements.count()).toBe(sids.length)
  })

  it('is found where its new database was made and not yet put in its place', async () => {
    await rename(join(folder, 'level'), join(folder, 'level.mended'))
    const store = await open(folder)
    expect(store.statements.count()).toBe(sids.length)
  })
})
