/** What every store must do. One implementation runs the suite so far: LevelDB. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../node/store/store.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import {
  digestOf,
  hexOf,
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  TEST_IMAGE,
} from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'

interface StoreCase {
  readonly name: string
  /** Opens the store of a folder, as often as is asked. */
  readonly open: (folder: string) => Promise<Store>
}

const cases: readonly StoreCase[] = [{ name: 'LevelDB', open: (folder) => openStore(folder) }]

const OTHER_IMAGE = `${TEST_IMAGE}-two`
const sidsOf = (statements: readonly { readonly sid: string }[]): string[] =>
  statements.map(({ sid }) => sid).sort()

describe.each(cases)('a store on $name', ({ open }) => {
  let store: Store
  let folder: string
  let isClosed: boolean
  const close = async (): Promise<void> => {
    isClosed = true
    await store.close()
  }
  const reopen = async (): Promise<void> => {
    await close()
    store = await open(folder)
    isClosed = false
  }
  const put = async (...created: readonly CreatedStatement[]): Promise<void> => {
    for (const { bytes } of created) await store.statements.put(bytes)
  }

  beforeEach(async () => {
    folder = await temporaryFolder()
    store = await open(folder)
    isClosed = false
  })
  afterEach(async () => {
    if (!isClosed) await store.close()
  })

  describe('statements', () => {
    it('gives back the very bytes that were put, and what they say', async () => {
      const { bytes, statement } = makeRebuild()
      expect(await store.statements.put(bytes)).toBe('stored')
      expect(await store.statements.has(statement.sid)).toBe(true)
      const found = await store.statements.get(statement.sid)
      expect(found?.bytes).toEqual(new Uint8Array(bytes))
      expect(found?.statement).toEqual(statement)
    })

    it('says of a statement that it does not have that it has none', async () => {
      expect(await store.statements.has(hexOf('nothing'))).toBe(false)
      expect(await store.statements.get(hexOf('nothing'))).toBeUndefined()
      expect(await store.statements.ofImage('registry.example/nothing')).toEqual([])
      expect(await store.statements.recent(5)).toEqual([])
      expect(await store.statements.sids([])).toEqual([])
      expect(store.statements.count()).toBe(0)
    })

    it('knows a statement that it has, and counts it once', async () => {
      const { bytes } = makeRebuild()
      await store.statements.put(bytes)
      expect(await store.statements.put(bytes)).toBe('known')
      expect(await store.statements.put(bytes, { sync: true })).toBe('known')
      expect(store.statements.count()).toBe(1)
      expect(await store.statements.recent(5)).toHaveLength(1)
    })

    it('stores one of many copies that come at once', async () => {
      const { bytes } = makeRebuild()
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => store.statements.put(bytes)),
      )
      expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1)
      expect(store.statements.count()).toBe(1)
    })

    it('takes nothing whose signature does not verify', async () => {
      const { bytes, statement } = makeRebuild()
      const forged = bytes.slice()
      forged[forged.length - 3] = (forged.at(-3) ?? 0) ^ 1
      await expect(store.statements.put(forged)).rejects.toMatchObject({ code: 'bad-signature' })
      expect(await store.statements.has(statement.sid)).toBe(false)
      expect(store.statements.count()).toBe(0)
    })

    it('keeps everything over a restart, and its order of arrival', async () => {
      const release = makeRelease()
      const rebuilds = ['alice', 'bob', 'carol'].map((name) =>
        makeRebuild({ operator: makeOperator(name), release }),
      )
      await put(release, ...rebuilds)
      await reopen()
      expect(store.statements.count()).toBe(4)
      const newest = [...rebuilds].reverse().map(({ statement }) => statement.sid)
      const recent = await store.statements.recent(3)
      expect(recent.map(({ sid }) => sid)).toEqual(newest)
      const late = makeRebuild({ operator: makeOperator('dave'), release })
      await put(late)
      expect((await store.statements.recent(1))[0]?.sid).toBe(late.statement.sid)
    })

    it('lists an image by kind, and no image whose name begins alike', async () => {
      const release = makeRelease()
      const rebuild = makeRebuild({ release })
      const withdrawal = makeWithdrawal({ withdraws: rebuild })
      const other = makeRelease({ image: OTHER_IMAGE })
      await put(release, rebuild, withdrawal, other)
      const ofImage = async (image: string): Promise<string[]> =>
        sidsOf(await store.statements.ofImage(image))
      expect(await ofImage(TEST_IMAGE)).toEqual(
        sidsOf([release.statement, rebuild.statement, withdrawal.statement]),
      )
      expect(await ofImage(OTHER_IMAGE)).toEqual([other.statement.sid])
      const kinds = ['release', 'rebuild', 'withdrawal'] as const
      const found = await Promise.all(
        kinds.map((kind) => store.statements.ofImage(TEST_IMAGE, kind)),
      )
      expect(found.map(sidsOf)).toEqual(
        [release, rebuild, withdrawal].map(({ statement }) => [statement.sid]),
      )
    })

    it('lists cards apart from every image', async () => {
      const cards = ['alice', 'bob'].map((name) => makeOperator(name).card)
      await put(...cards, makeRelease())
      expect(sidsOf(await store.statements.cards())).toEqual(
        sidsOf(cards.map(({ statement }) => statement)),
      )
      expect(await store.statements.sids([TEST_IMAGE])).toHaveLength(1)
      expect(await store.statements.sids([TEST_IMAGE], { cards: true })).toHaveLength(3)
    })

    it('lists the sids of several images sorted, each once', async () => {
      const releases = [TEST_IMAGE, OTHER_IMAGE, TEST_IMAGE].map((image, i) =>
        makeRelease({ image, version: `1.0.${i}` }),
      )
      await put(...releases)
      expect(await store.statements.sids([OTHER_IMAGE, TEST_IMAGE, TEST_IMAGE])).toEqual(
        sidsOf(releases.map(({ statement }) => statement)),
      )
    })

    it('finds what names a statement, by how it names it', async () => {
      const blind = makeRelease({ published: undefined })
      const release = makeRelease({ publishes: blind.statement.sid })
      const first = makeRebuild({ release })
      const second = makeRebuild({
        release,
        digest: 'other',
        supersedes: [first.statement.sid],
      })
      const withdrawal = makeWithdrawal({ withdraws: first })
      await put(withdrawal, second, first, release, blind)
      const { statements } = store
      expect(sidsOf(await statements.rebuildsOf(release.statement.sid))).toEqual(
        sidsOf([first.statement, second.statement]),
      )
      expect(sidsOf(await statements.withdrawalsOf(first.statement.sid))).toEqual([
        withdrawal.statement.sid,
      ])
      expect(sidsOf(await statements.namedBy(first.statement.sid))).toEqual(
        sidsOf([second.statement, withdrawal.statement]),
      )
      expect(sidsOf(await statements.namedBy(blind.statement.sid))).toEqual([release.statement.sid])
      expect(await statements.rebuildsOf(first.statement.sid)).toEqual([])
    })

    it('lists what one key signed in the order of arrival', async () => {
      const alice = makeOperator('alice')
      const rebuilds = ['1.0.2', '1.0.0', '1.0.1'].map((version) =>
        makeRebuild({ operator: alice, release: makeRelease({ version }) }),
      )
      await put(...rebuilds, makeRebuild({ operator: makeOperator('bob') }))
      const found = await store.statements.ofKey(alice.key.publicKey)
      expect(found.map(({ sid }) => sid)).toEqual(rebuilds.map(({ statement }) => statement.sid))
    })

    it('finds every release of a version, and no version that begins alike', async () => {
      const releases = ['announcer', 'impostor'].map((name) =>
        makeRelease({ operator: makeOperator(name), version: '1.0' }),
      )
      await put(...releases, makeRelease({ version: '1.0.1' }))
      expect(sidsOf(await store.statements.releaseBy(TEST_IMAGE, '1.0'))).toEqual(
        sidsOf(releases.map(({ statement }) => statement)),
      )
      expect(await store.statements.releaseBy(TEST_IMAGE, '1')).toEqual([])
      expect(await store.statements.releaseBy(OTHER_IMAGE, '1.0')).toEqual([])
    })

    it('finds what is about a published manifest', async () => {
      const release = makeRelease({ published: 'good' })
      const rebuild = makeRebuild({ release })
      const other = makeRelease({ published: 'other', version: '2.0.0' })
      await put(release, rebuild, other)
      const { manifestDigest } = imageDigests('good')
      expect(sidsOf(await store.statements.byPublishedDigest(manifestDigest))).toEqual(
        sidsOf([release.statement, rebuild.statement]),
      )
      expect(await store.statements.byPublishedDigest(digestOf('nothing'))).toEqual([])
    })

    it('finds a statement by a prefix of its sid, of odd length too', async () => {
      const created = Array.from({ length: 12 }, (_, i) => makeRelease({ version: `1.${i}` }))
      await put(...created)
      const all = sidsOf(created.map(({ statement }) => statement))
      const [sid = ''] = all
      expect(await store.statements.findBySidPrefix(sid)).toEqual([sid])
      expect(await store.statements.findBySidPrefix(sid.slice(0, 13))).toEqual([sid])
      for (const digit of '0123456789abcdef') {
        const expected = all.filter((each) => each.startsWith(digit))
        expect(await store.statements.findBySidPrefix(digit)).toEqual(expected)
      }
      expect(await store.statements.findBySidPrefix('')).toEqual([])
      expect(await store.statements.findBySidPrefix('not hex')).toEqual([])
    })

    it('writes records in the batch of a statement, known or not', async () => {
      const { bytes } = makeRebuild()
      const { queue } = store
      await queue.put('work', { state: 'running' })
      await store.statements.put(bytes, { sync: true, along: [queue.deleting('work')] })
      expect(await queue.get('work')).toBeUndefined()
      const along = [queue.putting('more', { state: 'waiting' })]
      expect(await store.statements.put(bytes, { along })).toBe('known')
      expect(await queue.get('more')).toEqual({ state: 'waiting' })
    })
  })

  describe('records', () => {
    it('gives back what was put, and nothing of another table', async () => {
      await store.queue.put('a', { state: 'waiting', attempts: 2, note: 'ä\u0000😀' })
      expect(await store.queue.get('a')).toEqual({
        state: 'waiting',
        attempts: 2,
        note: 'ä\u0000😀',
      })
      expect(await store.alerts.get('a')).toBeUndefined()
      expect(await store.alerts.all()).toEqual([])
      await store.queue.delete('a')
      expect(await store.queue.get('a')).toBeUndefined()
    })

    it('lists a range in the order of the names, from either end', async () => {
      for (const name of ['b/2', 'a/1', 'b/1', 'c/1']) await store.deliveries.put(name, name)
      expect(await store.deliveries.all()).toEqual(['a/1', 'b/1', 'b/2', 'c/1'])
      const names = async (
        range: Parameters<typeof store.deliveries.range>[0],
      ): Promise<readonly string[]> => (await store.deliveries.range(range)).map(([name]) => name)
      expect(await names({ gte: 'b/', lt: 'b0' })).toEqual(['b/1', 'b/2'])
      expect(await names({ gte: 'b/', lt: 'b0', reverse: true, limit: 1 })).toEqual(['b/2'])
      expect(await names({ lt: 'b' })).toEqual(['a/1'])
    })

    it('changes several tables at once', async () => {
      await store.alerts.put('old', 1)
      await store.write(
        [
          store.alerts.deleting('old'),
          store.alerts.putting('new', 2),
          store.deliveries.putting('sink/1', 'new'),
        ],
        { sync: true },
      )
      await reopen()
      expect(await store.alerts.all()).toEqual([2])
      expect(await store.deliveries.all()).toEqual(['new'])
    })

    it('gives an owner its records in its own type', async () => {
      const numbers = store.meta.as((value) => Number(value))
      await numbers.put('n', 7)
      expect(await numbers.get('n')).toBe(7)
      expect(await store.meta.get('n')).toBe(7)
    })
  })

  describe('its life', () => {
    it('calls a stop in order clean, empty or not', async () => {
      await reopen()
      expect(store.uncleanStop).toBe(false)
      await put(makeRelease())
      await reopen()
      expect(store.uncleanStop).toBe(false)
    })

    it('writes what was asked before it was closed, and refuses what comes after', async () => {
      const { bytes, statement } = makeRebuild()
      const writing = store.queue.put('a', 1)
      await close()
      await writing
      await expect(store.statements.put(bytes)).rejects.toMatchObject({ code: 'closed' })
      await expect(store.statements.get(statement.sid)).rejects.toMatchObject({ code: 'closed' })
      store = await open(folder)
      isClosed = false
      expect(await store.queue.get('a')).toBe(1)
    })

    it('finds nothing to mend in what it wrote itself', async () => {
      await put(makeRelease(), makeRebuild(), makeOperator().card)
      await store.queue.put('a', 1)
      const before = await store.statements.sids([TEST_IMAGE], { cards: true })
      expect(await store.reindex()).toEqual({
        statements: 3,
        damaged: [],
        damagedRecords: [],
        added: 0,
        removed: 0,
      })
      expect(await store.statements.sids([TEST_IMAGE], { cards: true })).toEqual(before)
      expect(store.statements.count()).toBe(3)
      await put(makeRebuild({ operator: makeOperator('bob') }))
      expect(await store.statements.recent(10)).toHaveLength(4)
    })
  })
})
