import { describe, expect, it } from 'vitest'
import { Queue, type AttemptEnd, type QueueComponents } from '../../../../node/rebuild/queue.ts'
import type { QueueItem } from '../../../../node/rebuild/queue-item.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { silentLogger } from '../../../support/silent-logger.ts'

const RELEASE = 'ab'.repeat(32)
const work = (platform = 'linux/amd64') => ({
  release: RELEASE,
  image: 'registry.example/app',
  version: '1.0.0',
  platform,
})

/** A queue over a table that outlives it, as the store does. */
function makeQueue(
  attempt: QueueComponents['attempt'],
  rows = new Map<string, QueueItem>(),
  options: ConstructorParameters<typeof Queue>[1] = {},
) {
  const clock = new ManualClock()
  const changes: QueueItem[] = []
  const listeners: (() => void)[] = []
  const queue = new Queue(
    {
      table: {
        get: async (id) => rows.get(id),
        put: async (id, item) => void rows.set(id, item),
        all: async () => [...rows.values()],
      },
      clock,
      logger: silentLogger,
      attempt,
      random: () => 0.5,
      changed: (item) => {
        changes.push(item)
        for (const listener of [...listeners]) listener()
      },
    },
    options,
  )
  const until = (state: QueueItem['state'], id?: string): Promise<QueueItem> =>
    new Promise((resolve) => {
      const look = () => {
        const found = queue
          .list()
          .find((i) => i.state === state && (id === undefined || i.id === id))
        if (found !== undefined) resolve(found)
      }
      listeners.push(look)
      look()
    })
  return { queue, rows, clock, changes, until }
}

const published: AttemptEnd = { kind: 'published', sid: 'cd'.repeat(32), summary: 'built' }

describe('the rebuild queue', () => {
  it('runs what was added and keeps the statement that came of it', async () => {
    const { queue, until } = makeQueue(async () => published)
    await queue.load()
    await queue.start()
    await queue.add(work())
    expect(await until('done')).toMatchObject({ attempts: 1, result: 'cd'.repeat(32) })
    await queue.stop()
  })

  it('queues the same release for the same platform once', async () => {
    let attempts = 0
    const { queue, until } = makeQueue(async () => {
      attempts++
      return published
    })
    await queue.load()
    await queue.start()
    const [a, b] = await Promise.all([queue.add(work()), queue.add(work())])
    await until('done')
    await queue.add(work())
    expect(a.id).toBe(b.id)
    expect(queue.list()).toHaveLength(1)
    expect(attempts).toBe(1)
    await queue.stop()
  })

  it('tries an infrastructure failure again, later each time, and gives up in the end', async () => {
    const rows = new Map<string, QueueItem>()
    const waits: number[] = []
    for (let round = 0; round < 4; round++) {
      const made = makeQueue(
        async () => ({ kind: 'infrastructure', reason: 'the mirror throttles' }),
        rows,
        { retryBaseSeconds: 100, retryMaxSeconds: 250, maxAttempts: 4 },
      )
      // Each round is a restart after the wait is over.
      const before = [...rows.values()][0]
      made.clock.advance(round * 1000)
      await made.queue.load()
      await made.queue.start()
      if (before === undefined) await made.queue.add(work())
      const item = await made.until(round < 3 ? 'retrying' : 'failed')
      if (item.nextAttempt !== null)
        waits.push(item.nextAttempt - Math.floor(made.clock.now() / 1000))
      await made.queue.stop()
    }
    expect(waits).toEqual([100, 200, 250])
    expect([...rows.values()][0]?.detail).toContain('given up after 4 attempts')
  })

  it('waits at least as long as a Retry-After asks', async () => {
    const { queue, until, clock } = makeQueue(async () => ({
      kind: 'infrastructure',
      reason: 'throttled',
      retryAfterSeconds: 5000,
    }))
    await queue.load()
    await queue.start()
    await queue.add(work())
    const item = await until('retrying')
    expect(item.nextAttempt).toBe(Math.floor(clock.now() / 1000) + 5000)
    await queue.stop()
  })

  it('builds again after a restart what was running when the process died', async () => {
    const rows = new Map<string, QueueItem>()
    const dying = makeQueue(() => new Promise<AttemptEnd>(() => undefined), rows)
    await dying.queue.load()
    await dying.queue.start()
    await dying.queue.add(work())
    await dying.until('running')
    // No stop: the process is gone. The rows are all that is left.
    const next = makeQueue(async () => published, rows)
    await next.queue.load()
    await next.queue.start()
    expect((await next.until('done')).attempts).toBe(2)
    await next.queue.stop()
  })

  it('puts an attempt that a stop interrupted back without counting it', async () => {
    const { queue, rows, until } = makeQueue(
      (_item, _progress, signal) =>
        new Promise<AttemptEnd>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    )
    await queue.load()
    await queue.start()
    await queue.add(work())
    await until('running')
    await queue.stop()
    expect([...rows.values()][0]).toMatchObject({ state: 'waiting', attempts: 0 })
  })

  it('keeps where the log of a build is, also when a later attempt builds nothing', async () => {
    const log = '/logs/ab.log'
    const ends: AttemptEnd[] = [
      { ...published, log },
      { kind: 'refused', reason: 'not followed' },
    ]
    const { queue, until } = makeQueue(async () => ends.shift()!)
    await queue.load()
    await queue.start()
    const { id } = await queue.add(work())
    expect(await until('done')).toMatchObject({ log })
    await queue.retry(id)
    expect(await until('failed')).toMatchObject({ log, stage: 'refused' })
    await queue.stop()
  })

  it('forgets an earlier result when it is asked for another', async () => {
    const { queue, clock, until } = makeQueue(async (item) =>
      item.result === null ? published : { kind: 'refused', reason: 'it had a result' },
    )
    await queue.load()
    await queue.start()
    const { id, added } = await queue.add(work())
    await until('done')
    clock.advance(60)
    expect(await queue.retry(id)).toMatchObject({ result: null, added: added + 60 })
    expect(await until('done')).toMatchObject({ result: 'cd'.repeat(32) })
    await queue.stop()
  })

  it('does not start a cancelled item again', async () => {
    let begun = 0
    const { queue, until } = makeQueue((_item, _progress, signal) => {
      begun++
      return new Promise<AttemptEnd>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    })
    await queue.load()
    await queue.start()
    const { id } = await queue.add(work())
    await until('running')
    expect((await queue.cancel(id))?.state).toBe('cancelled')
    await queue.add(work('linux/arm64'))
    await until('running', `${RELEASE}:linux/arm64`)
    expect(begun).toBe(2)
    await queue.stop()
  })

  it('runs no more at once than it may', async () => {
    let running = 0
    let most = 0
    const releases: (() => void)[] = []
    const { queue, until } = makeQueue(
      async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => releases.push(resolve))
        running--
        return published
      },
      undefined,
      { concurrency: 2 },
    )
    await queue.load()
    await queue.start()
    const items = await Promise.all(
      ['a', 'b', 'c', 'd'].map((arch) => queue.add(work(`linux/${arch}`))),
    )
    for (const item of items) {
      await until('running')
      releases.shift()?.()
      await until('done', queue.list().find((i) => i.state === 'done')?.id ?? item.id)
    }
    while (releases.length > 0) releases.shift()?.()
    expect(most).toBe(2)
    await queue.stop()
  })
})
