import { describe, expect, it } from 'vitest'
import { Queue, type AttemptEnd, type QueueComponents } from '../../../../node/rebuild/queue.ts'
import type { QueueItem } from '../../../../node/rebuild/queue-item.ts'
import { QueueGate, type QueueGateOptions } from '../../../../node/rebuild/queue-gate.ts'
import { parseScheduleWindow } from '../../../../node/rebuild/schedule.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { silentLogger } from '../../../support/silent-logger.ts'

const RELEASE = 'ab'.repeat(32)
const work = (platform = 'linux/amd64') => ({
  release: RELEASE,
  image: 'registry.example/app',
  version: '1.0.0',
  platform,
})

type GateFields = Partial<QueueGateOptions> & { readonly meta?: Map<string, unknown> }

/** A queue over a table that outlives it, as the store does. */
function makeQueue(
  attempt: QueueComponents['attempt'],
  rows = new Map<string, QueueItem>(),
  options: ConstructorParameters<typeof Queue>[1] = {},
  { windows = [], atClose = 'finish', meta = new Map() }: GateFields = {},
) {
  const clock = new ManualClock()
  const gate = new QueueGate(
    {
      table: {
        get: async (name) => meta.get(name),
        put: async (name, value) => void meta.set(name, value),
        delete: async (name) => void meta.delete(name),
      },
      clock,
      wallClock: (ms) => ({
        day: new Date(ms).getUTCDay(),
        minute: new Date(ms).getUTCHours() * 60 + new Date(ms).getUTCMinutes(),
      }),
    },
    { windows, atClose },
  )
  const changes: QueueItem[] = []
  const listeners: (() => void)[] = []
  const queue = new Queue(
    {
      table: {
        get: async (id) => rows.get(id),
        put: async (id, item) => void rows.set(id, item),
        delete: async (id) => void rows.delete(id),
        all: async () => [...rows.values()],
      },
      gate,
      priorityOf: (image) => (image.endsWith('/urgent') ? 'high' : 'normal'),
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
  return { queue, gate, rows, clock, changes, until }
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

/** An attempt that runs until it is ended, and says that it began. */
function heldAttempts() {
  const begun: string[] = []
  const ends = new Map<string, (end: AttemptEnd) => void>()
  const attempt: QueueComponents['attempt'] = (item, _progress, signal) => {
    begun.push(item.platform)
    return new Promise((resolve, reject) => {
      ends.set(item.platform, resolve)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }
  const end = async (platform: string): Promise<void> => {
    await expect.poll(() => ends.has(platform)).toBe(true)
    ends.get(platform)?.(published)
  }
  return { begun, attempt, end }
}

describe('the turn of a rebuild', () => {
  it('comes by priority, by hand before its project, then by age', async () => {
    const { begun, attempt, end } = heldAttempts()
    const { queue, clock, until } = makeQueue(attempt)
    await queue.load()
    await queue.start()
    const add = (platform: string, image = 'registry.example/app') => {
      clock.advance(1)
      return queue.add({ ...work(platform), image })
    }
    await add('first')
    await until('running', `${RELEASE}:first`)
    await add('second')
    await add('third')
    await add('urgent', 'registry.example/urgent')
    const raised = await add('raised')
    const lowered = await add('lowered', 'registry.example/urgent')
    await queue.prioritize(raised.id, 'high')
    await queue.prioritize(lowered.id, 'low')
    for (const platform of ['first', 'urgent', 'raised', 'second', 'third', 'lowered']) {
      await until('running', `${RELEASE}:${platform}`)
      await end(platform)
      await until('done', `${RELEASE}:${platform}`)
    }
    expect(begun).toEqual(['first', 'urgent', 'raised', 'second', 'third', 'lowered'])
    expect((await queue.prioritize(lowered.id, undefined))?.priority).toBeUndefined()
    expect(await queue.prioritize('nothing', 'low')).toBeUndefined()
    await queue.stop()
  })

  it('keeps a priority that is given while it runs', async () => {
    const { attempt, end } = heldAttempts()
    const { queue, rows, until } = makeQueue(attempt)
    await queue.load()
    await queue.start()
    const { id } = await queue.add(work('one'))
    await until('running')
    await queue.prioritize(id, 'low')
    await end('one')
    await until('done')
    expect(rows.get(id)).toMatchObject({ priority: 'low', result: 'cd'.repeat(32) })
    await queue.stop()
  })

  it('is looked at again later where others come first, and is no attempt', async () => {
    const ends: AttemptEnd[] = [
      { kind: 'later', until: 1_800_000_600, reason: 'others first' },
      published,
    ]
    const { queue, rows, until } = makeQueue(async () => ends.shift()!)
    await queue.load()
    await queue.start()
    const { id } = await queue.add(work())
    await until('waiting', id)
    await queue.stop()
    expect(rows.get(id)).toMatchObject({ attempts: 0, nextAttempt: 1_800_000_600 })
    await queue.start()
    // Asked for by hand, it waits for nobody.
    await queue.add({ ...work(), asked: true })
    expect(await until('done')).toMatchObject({ attempts: 1, asked: true })
    await queue.stop()
  })

  it('ends without a result where enough others have built it', async () => {
    const { queue, until } = makeQueue(async () => ({ kind: 'left-to-others', reason: '5 have' }))
    await queue.load()
    await queue.start()
    await queue.add(work())
    expect(await until('done')).toMatchObject({ result: null, stage: 'left to others' })
    await queue.stop()
  })
})

describe('a queue whose gate is shut', () => {
  const nights = [parseScheduleWindow('22:00-06:00')!]
  /** The manual clock begins at 08:00 UTC. */
  const HOUR = 3600

  it('begins nothing while it is paused, also after a restart, and goes on when it is resumed', async () => {
    const [rows, meta] = [new Map<string, QueueItem>(), new Map<string, unknown>()]
    const { begun, attempt, end } = heldAttempts()
    const first = makeQueue(attempt, rows, {}, { meta })
    await first.queue.load()
    await first.queue.start()
    await first.queue.add(work('one'))
    await first.until('running')
    await first.gate.pause()
    await first.queue.add(work('two'))
    await end('one')
    await first.until('done')
    await first.queue.stop()
    expect(begun).toEqual(['one'])

    const next = makeQueue(attempt, rows, {}, { meta })
    await next.gate.load()
    await next.queue.load()
    await next.queue.start()
    expect(next.gate.state()).toMatchObject({ open: false, reasons: ['paused by hand'] })
    expect(next.queue.list().map(({ state }) => state)).toEqual(['done', 'waiting'])
    await next.gate.resume()
    await next.until('running', `${RELEASE}:two`)
    expect(meta.size).toBe(0)
    await next.queue.stop()
  })

  it('puts back what runs when it is asked to, and counts no attempt', async () => {
    const { attempt } = heldAttempts()
    const { queue, gate, rows, until } = makeQueue(attempt)
    await queue.load()
    await queue.start()
    const { id } = await queue.add(work())
    await until('running')
    await gate.pause()
    await queue.putBack()
    expect(rows.get(id)).toMatchObject({ state: 'waiting', attempts: 0 })
    await queue.stop()
  })

  it('begins in the hours of its schedule only, and finishes what runs when they are over', async () => {
    const { begun, attempt, end } = heldAttempts()
    const { queue, gate, clock, until } = makeQueue(attempt, new Map(), {}, { windows: nights })
    await queue.load()
    await queue.start()
    await queue.add(work('one'))
    await queue.add(work('two'))
    expect(begun).toEqual([])
    expect(gate.state()).toMatchObject({ scheduleChanges: 1_800_000_000 + 14 * HOUR })
    clock.advance(14 * HOUR)
    await gate.resume()
    await until('running', `${RELEASE}:one`)
    clock.advance(9 * HOUR)
    await end('one')
    await until('done')
    await queue.stop()
    expect(begun).toEqual(['one'])
  })

  it('puts back what runs when its hours are over, where the configuration says so', async () => {
    const { attempt } = heldAttempts()
    const gateFields = { windows: nights, atClose: 'stop' } as const
    const { queue, gate, clock, until } = makeQueue(attempt, new Map(), {}, gateFields)
    clock.advance(14 * HOUR)
    await queue.load()
    await queue.start()
    await queue.add(work())
    await until('running')
    clock.advance(9 * HOUR)
    // What the timer of the schedule does.
    await gate.resume()
    expect(await until('waiting')).toMatchObject({ attempts: 0 })
    await queue.stop()
  })

  it('begins nothing while voting is stopped, whatever else is resumed', async () => {
    const meta = new Map<string, unknown>()
    const { begun, attempt } = heldAttempts()
    const { queue, gate, until } = makeQueue(attempt, new Map(), {}, { meta })
    await gate.stopVoting(['two cold builds differ'])
    await gate.stopVoting(['two cold builds differ', 'again'])
    await queue.load()
    await queue.start()
    await queue.add(work())
    await gate.resume()
    expect(begun).toEqual([])
    const next = makeQueue(attempt, new Map(), {}, { meta })
    await next.gate.load()
    expect(next.gate.votingStop?.reasons).toEqual(['two cold builds differ', 'again'])
    await gate.resumeVoting()
    await until('running')
    await queue.stop()
  })
})
