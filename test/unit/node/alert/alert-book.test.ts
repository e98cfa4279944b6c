import { describe, expect, it } from 'vitest'
import type { AlertEvent } from '../../../../node/alert/alert.ts'
import { AlertBook } from '../../../../node/alert/alert-book.ts'
import { Outbox } from '../../../../node/alert/outbox.ts'
import { createLogger } from '../../../../node/logger.ts'
import type { Store } from '../../../../node/store/store.ts'
import type { VerdictName } from '../../../../protocol/verdict/answer.ts'
import { makeAnswer, makeVoice } from '../../../support/answers.ts'
import { digestOf, hexOf, TEST_IMAGE, TEST_TIME } from '../../../support/statements.ts'
import { openStore, temporaryFolder, temporaryStore } from '../../../support/temporary-store.ts'

async function openBook(store: Store): Promise<AlertBook> {
  const outbox = new Outbox({ store }, { sinks: ['one', 'two'] })
  const book = new AlertBook({ store, outbox, logger: createLogger('silent') })
  await book.load()
  return book
}

const briefly = (events: readonly AlertEvent[]): string[] =>
  events.map(({ type, alert }) => `${type} ${alert.kind}`)

async function observeAll(book: AlertBook, verdicts: readonly VerdictName[]): Promise<string[]> {
  const seen: string[] = []
  for (const [i, verdict] of verdicts.entries()) {
    seen.push(...briefly(await book.observe(makeAnswer({ verdict, asOf: TEST_TIME + i * 60 }))))
  }
  return seen
}

describe('the book of alerts', () => {
  it('raises nothing for a verdict that is not bad', async () => {
    const book = await openBook(await temporaryStore())
    expect(await observeAll(book, ['unknown', 'pending', 'reproduced', 'pending'])).toEqual([])
    expect(await book.list()).toEqual([])
  })

  it.each([
    ['contradicted', 'critical'],
    ['diverged', 'warning'],
    ['unreproducible', 'warning'],
  ] as const)('raises %s once, as %s, however often it is observed', async (verdict, severity) => {
    const book = await openBook(await temporaryStore())
    const seen = await observeAll(book, ['pending', verdict, verdict, verdict])
    expect(seen).toEqual([`began ${verdict}`])
    expect(await book.list()).toMatchObject([
      {
        kind: verdict,
        severity,
        image: TEST_IMAGE,
        version: '1.0.0',
        platform: 'linux/amd64',
        began: TEST_TIME + 60,
        ended: null,
        reasons: [`the verdict is ${verdict}`],
      },
    ])
    expect(book.openCount).toBe(1)
  })

  it('raises it once where two observations come at the same time', async () => {
    const book = await openBook(await temporaryStore())
    const answer = makeAnswer({ verdict: 'contradicted' })
    const events = await Promise.all([book.observe(answer), book.observe(answer)])
    expect(events.flat()).toHaveLength(1)
    expect(await book.list()).toHaveLength(1)
  })

  it('ends it when the cause goes, and begins another when it comes back', async () => {
    const book = await openBook(await temporaryStore())
    expect(await observeAll(book, ['diverged', 'reproduced', 'reproduced', 'diverged'])).toEqual([
      'began diverged',
      'ended diverged',
      'began diverged',
    ])
    const alerts = await book.list()
    expect(alerts.map(({ began, ended }) => [began, ended])).toEqual([
      [TEST_TIME, TEST_TIME + 60],
      [TEST_TIME + 180, null],
    ])
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(2)
    expect(await book.list({ open: true })).toEqual([alerts[1]])
    expect(await book.list({ open: false })).toEqual([alerts[0]])
  })

  it('ends one and begins the next where one bad verdict follows another', async () => {
    const book = await openBook(await temporaryStore())
    expect(await observeAll(book, ['diverged', 'contradicted', 'unreproducible'])).toEqual([
      'began diverged',
      'ended diverged',
      'began contradicted',
      'ended contradicted',
      'began unreproducible',
    ])
    expect(await book.list({ open: true })).toHaveLength(1)
  })

  it('keeps digests, platforms and images apart', async () => {
    const book = await openBook(await temporaryStore())
    const bad = { verdict: 'contradicted' } as const
    await book.observe(makeAnswer(bad))
    await book.observe(makeAnswer({ ...bad, platform: 'linux/arm64' }))
    await book.observe(makeAnswer({ ...bad, digest: digestOf('another') }))
    await book.observe(makeAnswer({ ...bad, image: `${TEST_IMAGE}-two` }))
    expect(await book.list({ open: true })).toHaveLength(4)
    await book.observe(makeAnswer({ verdict: 'reproduced', platform: 'linux/arm64' }))
    expect((await book.list({ open: true })).map(({ platform }) => platform)).not.toContain(
      'linux/arm64',
    )
    expect(await book.list({ open: true })).toHaveLength(3)
  })

  it('names the statements and the files that show it, each once', async () => {
    const book = await openBook(await temporaryStore())
    const paths = ['usr/bin/app', 'etc/app.conf']
    await book.observe(
      makeAnswer({
        verdict: 'contradicted',
        dissenters: ['alice', 'bob'].map((name) =>
          makeVoice(name, { differences: { count: 2, paths } }),
        ),
      }),
    )
    const [alert] = await book.list()
    expect(alert?.evidence).toEqual({
      sids: [hexOf('rebuild by alice'), hexOf('rebuild by bob')],
      paths,
    })
  })

  it('adds evidence that comes later, and tells nobody again', async () => {
    const store = await temporaryStore()
    const book = await openBook(store)
    const told: AlertEvent[] = []
    const answer = makeAnswer({ verdict: 'contradicted', dissenters: [makeVoice('alice')] })
    await book.observe(answer)
    book.subscribe((event) => told.push(event))
    const more = [makeVoice('alice'), makeVoice('bob')]
    await book.observe({ ...answer, dissenters: more, asOf: TEST_TIME + 600 })
    const sids = [hexOf('rebuild by alice'), hexOf('rebuild by bob')]
    expect(await book.list()).toMatchObject([{ began: TEST_TIME, evidence: { sids } }])
    expect(await book.list({ open: true })).toEqual(await book.list())
    expect(told).toEqual([])
    expect(await store.deliveries.all()).toHaveLength(2)
  })

  it('does not raise it again after a restart, and ends it then', async () => {
    const folder = await temporaryFolder()
    let store = await openStore(folder)
    await observeAll(await openBook(store), ['contradicted'])
    await store.close()

    store = await openStore(folder)
    const book = await openBook(store)
    expect(book.openCount).toBe(1)
    expect(await observeAll(book, ['contradicted', 'contradicted'])).toEqual([])
    expect(await observeAll(book, ['reproduced'])).toEqual(['ended contradicted'])
    expect(await observeAll(book, ['diverged'])).toEqual(['began diverged'])
    const ids = (await book.list()).map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    await store.close()
  })

  it('begins it with the next observation where it could not be stored', async () => {
    const folder = await temporaryFolder()
    let freeBytes = 0
    const store = await openStore(
      folder,
      { freeSpaceLimits: { minFreeBytes: 1, minFreeShare: 0 } },
      { freeSpace: async () => ({ freeBytes, totalBytes: 1000 }) },
    )
    const book = await openBook(store)
    const answer = makeAnswer({ verdict: 'contradicted' })
    await expect(book.observe(answer)).rejects.toMatchObject({ code: 'read-only' })
    expect(book.openCount).toBe(0)
    freeBytes = 10
    expect(briefly(await book.observe(answer))).toEqual(['began contradicted'])
    expect(await store.deliveries.all()).toHaveLength(2)
    await store.close()
  })

  it('does not take the withdrawal of a release for the end of a contradiction', async () => {
    const book = await openBook(await temporaryStore())
    await book.observe(makeAnswer({ verdict: 'contradicted' }))
    for (const verdict of ['pending', 'unknown'] as const) {
      expect(await book.observe(makeAnswer({ verdict, flags: ['withdrawn'] }))).toEqual([])
    }
    const proven = makeAnswer({ verdict: 'reproduced', flags: ['withdrawn'] })
    expect(briefly(await book.observe(proven))).toEqual(['ended contradicted'])
  })

  it('ends no alert before it began, wherever the clock is set', async () => {
    const book = await openBook(await temporaryStore())
    await book.observe(makeAnswer({ verdict: 'diverged' }))
    await book.observe(makeAnswer({ verdict: 'reproduced', asOf: TEST_TIME - 3600 }))
    expect(await book.list()).toMatchObject([{ began: TEST_TIME, ended: TEST_TIME }])
  })

  it('tells its listeners until they leave, and one that fails harms no other', async () => {
    const store = await temporaryStore()
    const book = await openBook(store)
    const told: string[] = []
    book.subscribe(() => {
      throw new Error('a listener')
    })
    const leave = book.subscribe((event) => told.push(...briefly([event])))
    await observeAll(book, ['diverged', 'contradicted'])
    leave()
    await observeAll(book, ['reproduced'])
    expect(told).toEqual(['began diverged', 'ended diverged', 'began contradicted'])
  })

  it('queues each event for every sink, in order', async () => {
    const store = await temporaryStore()
    await observeAll(await openBook(store), ['diverged', 'reproduced'])
    const queued = await store.deliveries.range({})
    const names = queued.map(([name]) => name.split('/')[0])
    expect(names).toEqual(['one', 'one', 'two', 'two'])
    const types = queued.map(([, value]) => (value as { event: AlertEvent }).event.type)
    expect(types).toEqual(['began', 'ended', 'began', 'ended'])
  })
})

describe('alerts about operators', () => {
  const finding = (operator: string) => ({ operator, reasons: [`${operator} told two histories`] })

  it('raises an equivocation once, as critical, also after a restart, and ends it when it goes', async () => {
    const store = await temporaryStore()
    const book = await openBook(store)
    const found = [finding('op1a'), finding('op1b')]
    expect(briefly(await book.observeOperators('equivocation', found, TEST_TIME))).toEqual([
      'began equivocation',
      'began equivocation',
    ])
    const again = await openBook(store)
    expect(await again.observeOperators('equivocation', found, TEST_TIME + 1)).toEqual([])
    const ended = await again.observeOperators('equivocation', [finding('op1b')], TEST_TIME + 2)
    expect(ended).toMatchObject([{ type: 'ended', alert: { operator: 'op1a' } }])
    expect(await again.list({ open: true })).toMatchObject([
      { operator: 'op1b', severity: 'critical', image: null, digest: null, platform: null },
    ])
  })

  it('leaves alerts of another kind and of images alone', async () => {
    const book = await openBook(await temporaryStore())
    await book.observe(makeAnswer({ verdict: 'diverged' }))
    await book.observeOperators('log-reopened', [finding('op1a')], TEST_TIME)
    await book.observeOperators('equivocation', [], TEST_TIME)
    expect((await book.list({ open: true })).map(({ kind }) => kind)).toEqual([
      'diverged',
      'log-reopened',
    ])
  })
})
