/** `fsck` on a real data folder: what the disk changed is found, mended, and not allowed upon. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../cli/program.ts'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { checkStore, isClean } from '../../node/fsck.ts'
import { openDataFolder } from '../../node/data-folder.ts'
import { initDataFolder, loadOperatorIdentity } from '../../node/operator-identity.ts'
import { Database } from '../../node/store/database.ts'
import { rangeIn } from '../../node/store/keys.ts'
import { isUnsynced } from '../../node/unsynced.ts'
import { toHex } from '../../protocol/bytes.ts'
import { keepOwnLog } from '../support/own-log.ts'
import { makeOperator, makeRebuild, makeRelease } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'

const release = makeRelease()
const rebuild = makeRebuild({ operator: makeOperator('alice'), release })
const { sid } = rebuild.statement

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rebuildnet-fsck-'))
  const init = { folder: root, name: 'ada', contact: '', claims: {} }
  await initDataFolder({ crypto: nodeCrypto, clock: systemClock }, init)
  const store = await openStore(join(root, 'store'))
  for (const { bytes } of [release, rebuild]) await store.statements.put(bytes)
  await store.close()
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** Runs `rebuildnet fsck`; returns its exit code and what it printed. */
async function fsck(...args: string[]): Promise<{ exitCode: number; text: string }> {
  let text = ''
  const sink = { write: (more: string) => (text += more) }
  const exitCode = await runProgram(['fsck', '--data', root, ...args], {
    stdout: sink,
    stderr: sink as never,
    stdin: process.stdin,
    environment: {},
    onStop: () => () => undefined,
  })
  return { exitCode, text }
}

/** Changes the last byte of the rebuild's signature's record, as a disk would. */
async function damage(): Promise<void> {
  const level = join(root, 'store', 'level')
  const database = await Database.open(level, async () => new Error('locked'))
  for (const [key, value] of await database.entries(rangeIn('statement'))) {
    if (!toHex(key).endsWith(sid)) continue
    const changed = Uint8Array.from(value)
    changed[value.length - 40]! ^= 1
    await database.write([{ type: 'put', key, value: changed }], true)
  }
  await database.close()
}

describe('fsck', () => {
  it('says that all is well where it is, and exits 0', async () => {
    const { exitCode, text } = await fsck()
    expect(text).toContain('2 whole')
    expect(exitCode).toBe(0)
  })

  it('names a damaged statement, exits 1, and leaves it where it is', async () => {
    await damage()
    for (const _ of [1, 2]) {
      const { exitCode, text } = await fsck()
      expect(exitCode).toBe(1)
      expect(text).toContain(sid)
      expect(text).toContain('rebuildnet fsck --reindex')
    }
  })

  it('--reindex sets it aside, keeps the rest, and is clean after that', async () => {
    await damage()
    const { exitCode, text } = await fsck('--reindex', '--json')
    expect(exitCode).toBe(1)
    expect(JSON.parse(text)).toMatchObject({ mended: true, damaged: [sid], statements: 1 })
    const after = await checkStore(root, { reindex: false })
    expect(isClean(after)).toBe(true)
    expect(after.statements).toBe(1)
    const store = await openStore(join(root, 'store'))
    expect(await store.statements.has(release.statement.sid)).toBe(true)
    // What was lost may have been a dissent: nothing is allowed until a peer has been asked.
    expect(await isUnsynced(store)).toBe(true)
    await store.close()
  })

  it('exits 2 with one line where another process has the store open', async () => {
    const store = await openStore(join(root, 'store'))
    const { exitCode, text } = await fsck()
    await store.close()
    expect(exitCode).toBe(2)
    expect(text).toMatch(/^rebuildnet: another node holds .* open \(pid \d+\): stop it [^\n]*\n$/)
  })
})

describe('fsck over logs', () => {
  /** Signs a head over what is stored, as a node does. */
  async function signLog(): Promise<void> {
    const folder = await openDataFolder(root)
    const { key, card } = await loadOperatorIdentity(folder, nodeCrypto)
    const store = await openStore(folder.store)
    const operator = { ...makeOperator('alice'), id: card.body.operator, key }
    const { keeper } = await keepOwnLog(store, join(root, 'keys'), systemClock, operator)
    await keeper.store(release.statement, release.bytes)
    await keeper.confirm([])
    keeper.stop()
    await store.close()
  }

  it('looks over the store also where the card cannot be read', async () => {
    await rm(join(root, 'card.bin'))
    expect((await fsck()).exitCode).toBe(0)
  })

  it('names an own log that is not whole, and the next start closes it', async () => {
    await signLog()
    expect((await fsck()).exitCode).toBe(0)
    const level = join(root, 'store', 'level')
    const database = await Database.open(level, async () => new Error('locked'))
    const [[key, value] = []] = await database.entries(rangeIn('ownLog'))
    const changed = Uint8Array.from(value!)
    changed[20]! ^= 1
    await database.write([{ type: 'put', key: key!, value: changed }], true)
    await database.close()
    expect((await fsck('--reindex')).exitCode).toBe(1)
    const { exitCode, text } = await fsck()
    expect(exitCode).toBe(1)
    expect(text).toContain('the own log: log 0 is not what its own head says')
    // There is nothing left that it could mend.
    expect(text).not.toContain('--reindex')
    expect(text).toContain('damaged: the next start mends it')

    const folder = await openDataFolder(root)
    const { key: own, card } = await loadOperatorIdentity(folder, nodeCrypto)
    const store = await openStore(folder.store)
    const operator = { ...makeOperator('alice'), id: card.body.operator, key: own }
    const kept = await keepOwnLog(store, join(root, 'keys'), systemClock, operator)
    await kept.keeper.confirm([])
    expect(kept.reopened).toEqual(['log 0 is not what its own head says'])
    expect(kept.keeper.log.origin.n).toBe(1)
    kept.keeper.stop()
    await store.close()
    expect((await fsck()).exitCode).toBe(0)
  })

  it('saves what can be read of a damaged database, says so, and the own log is closed behind it', async () => {
    await signLog()
    const level = join(root, 'store', 'level')
    const journal = (await readdir(level)).find((name) => name.endsWith('.log'))!
    const contents = await readFile(join(level, journal))
    contents[Math.floor(contents.length / 2)]! ^= 1
    await writeFile(join(level, journal), contents)

    for (const _ of [1, 2]) {
      const { exitCode, text } = await fsck()
      expect(exitCode).toBe(1)
      expect(text).toContain(journal)
      expect(text).toContain('damaged: "rebuildnet fsck --reindex" mends it')
    }
    const { exitCode, text } = await fsck('--reindex')
    expect(exitCode).toBe(1)
    expect(text).toMatch(/the damaged database, in .*level-damaged-/)
    expect(text).toContain('the next start closes the own log')
    expect((await checkStore(root, { reindex: false })).damagedFiles).toEqual([])

    const folder = await openDataFolder(root)
    const { key, card } = await loadOperatorIdentity(folder, nodeCrypto)
    const operator = { ...makeOperator('alice'), id: card.body.operator, key }
    // Also at the start after one that was cut off before it had closed it.
    for (const why of [[], ['the disk has lost what was written last'], []]) {
      const store = await openStore(folder.store)
      expect(store.recovery.lostWrites).toBe(false)
      const kept = await keepOwnLog(store, join(root, 'keys'), systemClock, operator)
      if (why.length > 0) await kept.keeper.confirm([])
      expect(kept.reopened).toEqual(why)
      kept.keeper.stop()
      await store.close()
    }
  })
})

describe('fsck --believe-clock', () => {
  const written = async (): Promise<unknown> => {
    const store = await openStore(join(root, 'store'))
    const time = await store.meta.get('time')
    await store.close()
    return time
  }
  const writeDown = async (ahead: number): Promise<number> => {
    const time = unixSeconds(systemClock) + ahead
    const store = await openStore(join(root, 'store'))
    await store.meta.put('time', time)
    await store.close()
    return time
  }

  it('takes back what a clock that was ahead has written down', async () => {
    const far = await writeDown(3650 * 86_400)
    const { exitCode, text } = await fsck('--believe-clock', '--yes')
    expect(text).toContain('believed from now on')
    expect(exitCode).toBe(0)
    const time = await written()
    expect(time).toBeLessThan(far - 3649 * 86_400)
    expect(time).toBeGreaterThan(far - 3651 * 86_400)
    // What was mended is no damage.
    expect((await fsck()).exitCode).toBe(0)
  })

  it('changes nothing where nobody says that the clock is right', async () => {
    const far = await writeDown(3650 * 86_400)
    const { exitCode, text } = await fsck('--believe-clock')
    expect(text).toContain('ask in a terminal, or add --yes')
    expect(exitCode).toBe(2)
    expect(await written()).toBe(far)
  })

  it('changes nothing where the clock is not behind', async () => {
    const past = await writeDown(-3600)
    expect((await fsck('--believe-clock')).exitCode).toBe(0)
    expect(await written()).toBe(past)
  })

  it('is refused while a node has the store open', async () => {
    await writeDown(3650 * 86_400)
    const store = await openStore(join(root, 'store'))
    const { exitCode, text } = await fsck('--believe-clock', '--yes')
    await store.close()
    expect(text).toContain('another node holds')
    expect(exitCode).toBe(2)
  })
})
