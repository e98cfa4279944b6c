/** What outlives a killed process, and who may have the store open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeChecked } from '../../node/store/checked.ts'
import { Database } from '../../node/store/database.ts'
import { inputKey, keyIn, STORE_FORMAT } from '../../node/store/keys.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { TEST_IMAGE, makeRebuild, makeRelease } from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'

const WRITER = fileURLToPath(new URL('store-writer.child.ts', import.meta.url))
const ROUNDS = 20

/** Runs a writer until it has acknowledged `count` statements, and kills it with signal 9. */
async function writeUntilKilled(
  folder: string,
  round: number,
  count: number,
): Promise<readonly string[]> {
  const mode = round % 2 === 0 ? 'sync' : 'nosync'
  const child = spawn(process.execPath, [WRITER, folder, String(round), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.length === 64) acknowledged.push(line)
    if (acknowledged.length === count) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return acknowledged
}

describe('a store whose process is killed', () => {
  it(`loses nothing that was acknowledged, ${ROUNDS} times over`, async () => {
    const folder = await temporaryFolder()
    const acknowledged: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const sids = await writeUntilKilled(folder, round, 5 + 13 * (round % 7))
      expect(sids.length).toBeGreaterThan(0)
      acknowledged.push(...sids)

      const store = await openStore(folder)
      expect(store.uncleanStop).toBe(true)
      expect(store.recovery.reindexed).toBeUndefined()
      const [held, queued] = [await store.statements.sids([TEST_IMAGE]), await store.queue.all()]
      expect(held).toEqual(expect.arrayContaining(acknowledged))
      // A statement and what was written along with it are there together, or not at all.
      expect(queued.map((item) => (item as { sid: string }).sid).sort()).toEqual(held)
      expect(store.statements.count()).toBe(held.length)
      expect(await store.statements.ofImage(TEST_IMAGE)).toHaveLength(held.length)
      await store.close()
    }
    const store = await openStore(folder)
    expect(store.uncleanStop).toBe(false)
    await store.close()
  })

  it('can be opened where the file that names its holder is left over', async () => {
    const folder = await temporaryFolder()
    await writeUntilKilled(folder, 0, 1)
    expect((await stat(join(folder, 'pid'))).isFile()).toBe(true)
    const store = await openStore(folder)
    await store.close()
  })
})

describe('a folder that is held open', () => {
  it('is refused to another process, which is told who holds it', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    onTestFinished(() => store.close())
    const child = spawn(process.execPath, [WRITER, folder, '0', 'sync'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let text = ''
    for await (const piece of child.stderr) text += String(piece)
    expect(text).toContain(
      `another node holds ${folder} open (pid ${process.pid}): stop it or choose another with --data`,
    )
  })

  it('is refused to this process a second time, and the first goes on', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    onTestFinished(() => store.close())
    const second = openStore(folder, { dataFolder: '/data/of/mine' })
    await expect(second).rejects.toMatchObject({
      code: 'locked',
      message: `another node holds /data/of/mine open (pid ${process.pid}): stop it or choose another with --data`,
    })
    expect(await store.statements.put(makeRelease().bytes)).toBe('stored')
  })
})

describe("a store's folder", () => {
  it('is open to its owner alone, also where it was made with wider rights', async () => {
    const folder = await temporaryFolder()
    const [fresh, wide] = [join(folder, 'a', 'b'), join(folder, 'wide')]
    await (await openStore(fresh)).close()
    await (await openStore(wide)).close()
    await chmod(wide, 0o755)
    await (await openStore(wide)).close()
    for (const path of [fresh, wide]) expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it('is refused in one line where it was written by a newer version', async () => {
    const folder = await temporaryFolder()
    await (await openStore(folder)).close()
    const key = keyIn('system', utf8('format'))
    const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
    const newer = STORE_FORMAT + 1
    const value = encodeChecked(key, utf8(String(newer)))
    await database.write([{ type: 'put', key, value }], true)
    await database.close()
    await expect(openStore(folder)).rejects.toMatchObject({
      code: 'newer-format',
      message: `${folder} was written by a newer rebuildnet (store format ${newer}, this one reads ${STORE_FORMAT}): update rebuildnet`,
    })
  })

  it('is brought up to date once where it was written before results were found by their input', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    const rebuild = makeRebuild()
    for (const { bytes } of [makeRelease(), rebuild]) await store.statements.put(bytes)
    await store.close()
    const input = rebuild.statement.body.inputDigest
    const key = keyIn('system', utf8('format'))
    const database = await Database.open(join(folder, 'level'), async () => new Error('locked'))
    await database.write(
      [
        { type: 'put', key, value: encodeChecked(key, utf8('1')) },
        { type: 'del', key: inputKey(input, rebuild.statement.sid) },
      ],
      true,
    )
    await database.close()
    for (const added of [1, undefined]) {
      const again = await openStore(folder)
      expect(again.recovery.uncleanStop).toBe(false)
      expect(again.recovery.reindexed?.added).toBe(added)
      expect(await again.statements.ofInput(input)).toEqual([rebuild.statement])
      await again.close()
    }
  })

  it('is refused where it cannot be a folder', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), '')
    await expect(openStore(join(folder, 'file'))).rejects.toMatchObject({ code: 'io-error' })
  })
})
