/** The own log over kills, backups, full disks and lost stores: it never forks. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Store } from '../../node/store/store.ts'
import { openHead, type Head } from '../../protocol/log/head.ts'
import { LogBook } from '../../protocol/log/log-book.ts'
import { concat } from '../../protocol/bytes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { keepOwnLog, type KeptLog } from '../support/own-log.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_TIME } from '../support/statements.ts'
import { describeOnDisk, temporaryDisk } from '../support/small-disk.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'

const CHILD = fileURLToPath(new URL('own-log.child.ts', import.meta.url))
const ROUNDS = { default: 30, ci: 100, soak: 1000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
] as number
const alice = makeOperator('alice')

/** Runs a publisher and kills it with signal 9 some time after its first heads; what it told. */
async function publishUntilKilled(folder: string, round: number, known: string): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, folder, String(round), known], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const told: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // The first line of a pipe that is cut may be half of one.
    if (line.length > 100) told.push(line)
    // Not a wait: the instant of the kill is what is varied.
    if (told.length === 1 + (round % 5)) setTimeout(() => child.kill('SIGKILL'), Math.random() * 20)
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return told
}

/** Gives every head to a reader that has seen all leaves; what it holds against them. */
function contradictions(heads: readonly Head[], kept: KeptLog): string[] {
  const book = new LogBook({ crypto: nodeCrypto, secret: new Uint8Array(16), wants: () => true })
  for (const head of heads) {
    const answer = book.offerHead(head, head.time)
    if (answer.kind === 'equivocation') return [answer.proof.words]
    if (answer.kind !== 'needs-leaves') continue
    const slots = kept.keeper.log.slots(head.origin.n, answer.from, answer.to)
    const { kind } = book.addLeaves(answer.from, concat(...slots), head)
    if (kind !== 'extended') return [`leaves of ${head.size}: ${kind}`]
  }
  return []
}

async function open(folder: string): Promise<Store> {
  const store = await openStore(join(folder, 'store'))
  onTestFinished(() => store.close())
  return store
}

async function publish(kept: KeptLog, ...versions: string[]): Promise<void> {
  for (const version of versions) {
    const { bytes, statement } = makeRelease({ operator: alice, version })
    await kept.keeper.store(statement, bytes)
    await kept.keeper.sign()
  }
}

describeOnDisk('the own log on a disk that becomes full', () => {
  it('tells nobody of what was not written, and goes on without a fork', async () => {
    const folder = temporaryDisk()
    const ballast = join(folder, 'ballast')
    await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024, 1))
    const store = await openStore(join(folder, 'store'))
    const clock = new ManualClock(TEST_TIME)
    const kept = await keepOwnLog(store, folder, clock)
    await kept.keeper.confirm([])
    let refusal: unknown
    for (let i = 0; refusal === undefined; i++) {
      await publish(kept, `1.0.${i}`).catch((error: unknown) => (refusal = error))
    }
    expect(refusal).toMatchObject({ name: 'StoreError', code: 'disk-full' })
    expect(kept.told.length).toBeGreaterThan(50)
    kept.keeper.stop()
    await store.close()
    await rm(ballast)
    const roomy = await openStore(join(folder, 'store'))
    onTestFinished(() => roomy.close())
    const again = await keepOwnLog(roomy, folder, clock)
    await again.keeper.confirm([kept.told.at(-1)!])
    await publish(again, 'after')
    expect(again.reopened).toEqual([])
    expect(contradictions([...kept.told, ...again.told], again)).toEqual([])
    again.keeper.stop()
  })
})

describe('the own log of a node', () => {
  it(`is not forked by kill -9, ${ROUNDS} times over`, { timeout: ROUNDS * 6_000 }, async () => {
    const folder = await temporaryFolder()
    const told: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const more = await publishUntilKilled(folder, round, told.at(-1) ?? '')
      expect(more.length).toBeGreaterThan(0)
      told.push(...more)
    }
    const store = await open(folder)
    const kept = await keepOwnLog(store, folder, new ManualClock(TEST_TIME))
    const heads = told.map((line) => openHead(Buffer.from(line, 'base64'), nodeCrypto))
    expect(new Set(heads.map(({ origin }) => origin.n))).toEqual(new Set([0]))
    expect(contradictions(heads, kept)).toEqual([])
    for (const head of heads) expect(kept.keeper.log.knows(head)).toBe(true)
    // What is stored is logged, and the other way round.
    const stored = await store.statements.ofKey(alice.key.publicKey)
    expect(stored.filter(({ sid }) => !kept.keeper.has(sid))).toEqual([])
    expect(stored).toHaveLength(kept.keeper.log.size)
  })

  it('says nothing before a peer has been asked, and everything then', async () => {
    const folder = await temporaryFolder()
    const kept = await keepOwnLog(await open(folder), folder, new ManualClock(TEST_TIME))
    await publish(kept, '1', '2')
    expect(kept.told).toEqual([])
    await kept.keeper.confirm([])
    expect(kept.told.map(({ size }) => size)).toEqual([2])
    await publish(kept, '3')
    expect(kept.told.map(({ size }) => size)).toEqual([2, 3])
    kept.keeper.stop()
  })

  it('holds what was signed before there were logs, in the order of then', async () => {
    const folder = await temporaryFolder()
    const store = await open(folder)
    const release = makeRelease({ operator: alice })
    const early = [alice.card, release, makeRebuild({ operator: alice, release })]
    for (const { bytes } of early) await store.statements.put(bytes)
    await store.statements.put(makeRebuild({ operator: makeOperator('bob'), release }).bytes)
    const kept = await keepOwnLog(store, folder, new ManualClock(TEST_TIME))
    expect(kept.keeper.log.size).toBe(3)
    expect(early.every(({ statement }) => kept.keeper.has(statement.sid))).toBe(true)
    await kept.keeper.catchUp()
    expect(kept.keeper.log.size).toBe(3)
  })

  it('opens another origin where a backup was restored, says so, and loses nothing', async () => {
    const [folder, backup] = [await temporaryFolder(), await temporaryFolder()]
    const clock = new ManualClock(TEST_TIME)
    const first = await openStore(join(folder, 'store'))
    const kept = await keepOwnLog(first, folder, clock)
    await kept.keeper.confirm([])
    await publish(kept, '1', '2')
    await first.close()
    await cp(folder, backup, { recursive: true })
    const second = await openStore(join(folder, 'store'))
    const later = await keepOwnLog(second, folder, clock)
    await later.keeper.confirm([])
    await publish(later, '3')
    await second.close()
    const known = later.told.at(-1)!

    const store = await open(backup)
    const restored = await keepOwnLog(store, backup, clock)
    await publish(restored, 'other')
    await restored.keeper.confirm([known])
    expect(restored.reopened).toEqual([expect.stringContaining('backup')])
    expect(restored.keeper.state()).toMatchObject({
      origin: expect.stringMatching(/\/1$/) as unknown,
      reopened: { n: 1 },
    })
    const other = makeRelease({ operator: alice, version: 'other' })
    expect(restored.keeper.has(other.statement.sid)).toBe(true)
    // Whoever has seen both holds nothing against them.
    expect(contradictions([...kept.told, known], later)).toEqual([])
    const [head] = restored.told
    expect(head).toMatchObject({ size: 2, origin: { n: 1 } })
    // It stays said after a restart, and is not done again.
    const again = await keepOwnLog(store, backup, clock)
    await again.keeper.confirm([known, head!])
    expect(again.reopened).toEqual([])
    expect(again.keeper.state().reopened).toMatchObject({ n: 1 })
    restored.keeper.stop()
    again.keeper.stop()
  })

  it('asks others before it begins again where its store was moved away', async () => {
    const folder = await temporaryFolder()
    const clock = new ManualClock(TEST_TIME)
    const first = await openStore(join(folder, 'store'))
    const kept = await keepOwnLog(first, folder, clock)
    await kept.keeper.confirm([])
    await publish(kept, '1', '2')
    await first.close()
    expect(await readFile(join(folder, 'signing.log'), 'utf8')).toMatch(/ 0\n$/)
    await rm(join(folder, 'store'), { recursive: true })

    const anew = await keepOwnLog(await open(folder), folder, clock)
    await publish(anew, '3')
    // Stored, and in no log yet.
    expect(anew.keeper.log.size).toBe(0)
    await anew.keeper.confirm([kept.told.at(-1)!])
    expect(anew.told).toMatchObject([{ origin: { n: 1 }, size: 2 }])
    anew.keeper.stop()
  })

  it('goes on where it was once there is room again', async () => {
    const folder = await temporaryFolder()
    let freeBytes = 100
    const store = await openStore(
      join(folder, 'store'),
      { freeSpaceLimits: { minFreeBytes: 1, minFreeShare: 0 } },
      { freeSpace: async () => ({ freeBytes, totalBytes: 100 }) },
    )
    onTestFinished(() => store.close())
    const kept = await keepOwnLog(store, folder, new ManualClock(TEST_TIME))
    await kept.keeper.confirm([])
    await publish(kept, '1')
    freeBytes = 0
    await expect(publish(kept, '2')).rejects.toMatchObject({ code: 'read-only' })
    expect(kept.keeper.log.size).toBe(1)
    freeBytes = 100
    await publish(kept, '3')
    expect(kept.told.map(({ size }) => size)).toEqual([1, 2])
    expect(contradictions(kept.told, kept)).toEqual([])
    const again = await keepOwnLog(store, folder, new ManualClock(TEST_TIME))
    expect(again.keeper.log.knows(kept.told[1]!)).toBe(true)
    kept.keeper.stop()
  })

  it('is kept by one process at a time', async () => {
    const folder = await temporaryFolder()
    const store = await open(folder)
    const kept = await keepOwnLog(store, folder, new ManualClock(TEST_TIME))
    const child = spawn(process.execPath, [CHILD, folder, '0', ''], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let [told, words] = ['', '']
    child.stdout.on('data', (text) => (told += String(text)))
    for await (const text of child.stderr) words += String(text)
    expect(told).toBe('')
    expect(words).toContain(`(pid ${process.pid}): stop it or choose another with --data`)
    expect(kept.keeper.log.size).toBe(0)
  })

  it('stops signing where another node signs with its key, and does not race it', async () => {
    const clock = new ManualClock(TEST_TIME)
    const [here, there] = [await temporaryFolder(), await temporaryFolder()]
    let alarms = 0
    const kept = await keepOwnLog(await open(here), here, clock, undefined, {
      shared: async () => {
        alarms++
      },
    })
    const twin = await keepOwnLog(await open(there), there, clock)
    await kept.keeper.confirm([])
    await publish(kept, '1')
    await twin.keeper.confirm([])
    await publish(twin, '2')
    await kept.keeper.heard([twin.told.at(-1)!])
    expect(kept.keeper.log.origin.n).toBe(1)
    expect(kept.keeper.state()).toMatchObject({ shared: true, halted: false })
    expect(kept.reopened).toEqual(['another node signs with the key of this one'])
    expect(alarms).toBe(1)
    await twin.keeper.heard([kept.told.at(-1)!])
    expect(kept.keeper.state().halted).toBe(false)
    await kept.keeper.heard([twin.told.at(-1)!])
    expect(kept.keeper.state().halted).toBe(true)
    expect(alarms).toBe(1)
    const heads = kept.told.length
    await publish(kept, '4')
    expect(kept.told).toHaveLength(heads)
    for (const { keeper } of [kept, twin]) keeper.stop()
  })

  it('signs at least every six hours, and not twice in ten minutes without a reason', async () => {
    const folder = await temporaryFolder()
    const clock = new ManualClock(TEST_TIME)
    const kept = await keepOwnLog(await open(folder), folder, clock)
    await publish(kept, '1')
    await kept.keeper.confirm([])
    await kept.keeper.sign()
    clock.advance(3600)
    await kept.keeper.sign()
    expect(kept.told.map(({ time }) => time - TEST_TIME)).toEqual([0])
    clock.advance(5 * 3600)
    await kept.keeper.sign()
    expect(kept.told.map(({ time }) => time - TEST_TIME)).toEqual([0, 6 * 3600])
    kept.keeper.stop()
  })
})
