import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { BookKeeper } from '../../../../node/log/book-keeper.ts'
import { createLogger } from '../../../../node/logger.ts'
import type { Store } from '../../../../node/store/store.ts'
import type { SignedStatement } from '../../../../protocol/statement.ts'
import { show, TestLog } from '../../../support/logs.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_TIME } from '../../../support/statements.ts'
import { openStore, temporaryFolder } from '../../../support/temporary-store.ts'

const alice = makeOperator('alice')
const release = makeRelease()
const [one, two] = ['good', 'bad'].map((digest) =>
  makeRebuild({ operator: alice, release, digest }),
)

async function open(folder: string): Promise<Store> {
  const store = await openStore(folder)
  onTestFinished(() => store.close())
  return store
}

async function keep(store: Store, clock = new ManualClock(TEST_TIME), recheck = false) {
  const told = { moved: [] as string[][], proven: [] as string[], changes: 0 }
  const keeper = new BookKeeper({
    store,
    crypto: nodeCrypto,
    clock,
    logger: createLogger('silent'),
    wants: () => true,
    changed: () => {
      told.changes++
    },
    heard: () => undefined,
    moved: (_, logged) => void told.moved.push(logged.map((each: SignedStatement) => each.sid)),
    proven: ({ kind }) => void told.proven.push(kind),
  })
  await keeper.load({ recheck })
  return { keeper, told }
}

const log = () => new TestLog(alice).add(alice.card, one!, two!)
const missing = ({ keeper }: Awaited<ReturnType<typeof keep>>): number =>
  [...keeper.book.missingBodies(log().origin.text)].length

describe('the kept book', () => {
  it('is after a restart what it was', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    const first = await keep(store)
    const head = show(first.keeper.book, log())
    await store.statements.put(one!.bytes)
    first.keeper.stored(one!.statement, one!.bytes)
    await first.keeper.idle()
    await store.close()
    const again = await keep(await open(folder))
    expect(again.keeper.book.head(head.origin.text)?.root).toBe(head.root)
    expect(missing(again)).toBe(2)
  })

  it('finds what came before its leaf, and tells of it', async () => {
    const store = await open(await temporaryFolder())
    await store.statements.put(one!.bytes)
    const kept = await keep(store)
    show(kept.keeper.book, log())
    await kept.keeper.idle()
    expect(kept.told.moved).toEqual([[one!.statement.sid]])
    expect(missing(kept)).toBe(2)
  })

  it('says at once that what was read before is out of date', async () => {
    const kept = await keep(await open(await temporaryFolder()))
    const before = kept.told.changes
    const { book } = kept.keeper
    const [head, slots] = [log().head(TEST_TIME), log().slots()]
    book.offerHead(head, TEST_TIME)
    const offered = kept.told.changes
    book.addLeaves(0, slots, head)
    const grown = kept.told.changes
    kept.keeper.stored(one!.statement, one!.bytes)
    const stored = kept.told.changes
    book.bodyLost(one!.statement.sid)
    const steps = [before, offered, grown, stored, kept.told.changes]
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
  })

  it('does not take the disk at its word after a stop that was not in order', async () => {
    const [lossy, whole] = [await open(await temporaryFolder()), await temporaryFolder()]
    const store = await openStore(whole)
    const kept = await keep(store)
    show(kept.keeper.book, log())
    await store.statements.put(one!.bytes)
    kept.keeper.stored(one!.statement, one!.bytes)
    await kept.keeper.idle()
    // Another store has the book, and not the statement.
    for await (const { name, value } of store.logs.scan()) {
      await lossy.write([lossy.logs.putting(name, value)])
    }
    await store.close()
    expect(missing(await keep(lossy, undefined, true))).toBe(3)
  })

  it('holds a head that is ahead of the clock until its time', async () => {
    const clock = new ManualClock(TEST_TIME)
    const kept = await keep(await open(await temporaryFolder()), clock)
    const ahead = log().head(TEST_TIME + 3600)
    const { book } = kept.keeper
    expect(book.offerHead(ahead, TEST_TIME)).toMatchObject({ kind: 'held' })
    kept.keeper.releaseHeld()
    expect(book.held()).toHaveLength(1)
    clock.advance(3600)
    kept.keeper.releaseHeld()
    expect(book.held()).toHaveLength(0)
    expect(book.gaps()).toMatchObject([{ from: 0, to: 3 }])
  })

  it('tells of a proof once, also when it was known before a restart', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    const first = await keep(store)
    show(first.keeper.book, log())
    show(first.keeper.book, new TestLog(alice).add(alice.card, two!, one!))
    await first.keeper.idle()
    expect(first.told.proven).toEqual(['fork'])
    await store.close()
    const again = await keep(await open(folder))
    expect(again.keeper.book.proofs()).toHaveLength(1)
    show(again.keeper.book, new TestLog(alice).add(alice.card, two!, one!))
    expect(again.told.proven).toEqual([])
  })

  it('asks nobody for what another key has signed, not after a restart either', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    const foreign = makeRebuild({ operator: makeOperator('bob'), release })
    const forged = new TestLog(alice).add(alice.card, foreign, two!)
    const wanted = ({ keeper }: Awaited<ReturnType<typeof keep>>): string[] => [
      ...(keeper.book.log(forged.origin.text)?.wantedSids() ?? []),
    ]
    const first = await keep(store)
    show(first.keeper.book, forged)
    expect(wanted(first)).toContain(foreign.statement.sid)
    await store.statements.put(foreign.bytes)
    first.keeper.stored(foreign.statement, foreign.bytes)
    await first.keeper.idle()
    const rest = [alice.card, two!].map(({ statement }) => statement.sid)
    expect(first.told.proven).toEqual(['misfiled'])
    expect(wanted(first)).toEqual(rest)
    await store.close()
    const again = await keep(await open(folder))
    expect(wanted(again)).toEqual(rest)
    // Nor is it here: its owner did not say it.
    expect(missing(again)).toBe(3)
  })

  it('writes what could not be written when there is room again', async () => {
    const folder = await temporaryFolder()
    let freeBytes = 0
    const limits = { freeSpaceLimits: { minFreeBytes: 1, minFreeShare: 0 } }
    const freeSpace = async () => ({ freeBytes, totalBytes: 100 })
    const store = await openStore(folder, limits, { freeSpace })
    const first = await keep(store)
    const head = show(first.keeper.book, log())
    await first.keeper.idle()
    freeBytes = 100
    await first.keeper.idle()
    await store.close()
    const again = await keep(await open(folder))
    expect(again.keeper.book.head(head.origin.text)?.size).toBe(3)
  })
})
