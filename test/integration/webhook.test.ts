/** Webhooks over real HTTP: what is told, when it is told again, and whom it may be told to. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { AlertBook } from '../../node/alert/alert-book.ts'
import { Outbox } from '../../node/alert/outbox.ts'
import { webhookName, WebhookSink } from '../../node/alert/webhook-sink.ts'
import { AddressGuard } from '../../node/image/address-guard.ts'
import {
  createGuardedAgent,
  systemResolveHost,
  type ResolveHost,
} from '../../node/image/guarded-agent.ts'
import { createLogger } from '../../node/logger.ts'
import type { Store } from '../../node/store/store.ts'
import type { VerdictName } from '../../protocol/verdict/answer.ts'
import { makeAnswer, makeVoice } from '../support/answers.ts'
import { HookServer } from '../support/hook-server.ts'
import { ManualTimers, type Sleeper } from '../support/manual-timers.ts'
import { hexOf, TEST_TIME } from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

const TIMEOUT_MS = 7
const RETRY_BASE_MS = 1000
const RETRY_MAX_MS = 60_000
const never = new AbortController().signal

const isRetry = ({ milliseconds }: Sleeper): boolean => milliseconds !== TIMEOUT_MS
const isTimeout = ({ milliseconds }: Sleeper): boolean => milliseconds === TIMEOUT_MS

interface Alerting {
  readonly store: Store
  readonly book: AlertBook
  readonly sink: WebhookSink
  readonly outbox: Outbox
  readonly stop: () => Promise<void>
}

interface Settings {
  readonly random?: number
  readonly insecure?: readonly string[]
  readonly resolveHost?: ResolveHost
}

describe('a webhook', () => {
  let server: HookServer
  let timers: ManualTimers
  let folder: string
  let clock = 0

  beforeEach(async () => {
    server = new HookServer()
    await server.start()
    onTestFinished(() => server.stop())
    timers = new ManualTimers()
    folder = await temporaryFolder()
    clock = TEST_TIME
  })

  /** A store, its book and one sink, as a node has them; as often as it is started. */
  async function start(url = server.url, settings: Settings = {}): Promise<Alerting> {
    const { random = 1, insecure = [], resolveHost = systemResolveHost } = settings
    const store = await openStore(folder)
    const logger = createLogger('silent')
    const outbox = new Outbox({ store }, { sinks: [webhookName(url)] })
    const book = new AlertBook({ store, outbox, logger })
    await book.load()
    const guard = new AddressGuard(insecure)
    const dispatcher = createGuardedAgent(guard, resolveHost, {
      connectTimeoutMs: 5000,
      headersTimeoutMs: 60_000,
      bodyTimeoutMs: 60_000,
    })
    const sink = new WebhookSink(
      { outbox, dispatcher, guard, timers, random: () => random, logger },
      { url },
      { timeoutMs: TIMEOUT_MS, retryBaseMs: RETRY_BASE_MS, retryMaxMs: RETRY_MAX_MS },
    )
    sink.start()
    let stopped = false
    const stop = async (): Promise<void> => {
      if (stopped) return
      stopped = true
      await sink.stop()
      await dispatcher.destroy()
      await store.close()
    }
    onTestFinished(stop)
    return { store, book, sink, outbox, stop }
  }

  async function observe(book: AlertBook, ...verdicts: readonly VerdictName[]): Promise<void> {
    for (const verdict of verdicts) {
      clock += 60
      const dissenters = [makeVoice('alice', { differences: { count: 1, paths: ['etc/motd'] } })]
      await book.observe(makeAnswer({ verdict, dissenters, asOf: clock }))
    }
  }

  const told = (): string[] =>
    server.received.map(({ body }) =>
      body.event === 'test' ? body.event : `${body.event} ${body.alert.kind}`,
    )

  it('is told once what began and what ended, with its evidence', async () => {
    const { book, stop, store } = await start()
    await observe(book, 'contradicted', 'contradicted', 'reproduced')
    const [began, ended] = await server.first(2)
    expect(began).toMatchObject({
      path: '/hook',
      headers: {
        'content-type': 'application/json',
        'rebuildnet-event': 'alert.began',
        'rebuildnet-delivery': began?.body.delivery,
      },
      body: {
        format: 1,
        event: 'alert.began',
        alert: {
          kind: 'contradicted',
          severity: 'critical',
          began: TEST_TIME + 60,
          ended: null,
          evidence: { sids: [hexOf('rebuild by alice')], paths: ['etc/motd'] },
        },
      },
    })
    expect(ended?.body).toMatchObject({
      event: 'alert.ended',
      alert: { kind: 'contradicted', began: TEST_TIME + 60, ended: TEST_TIME + 180 },
    })
    expect(began?.body.delivery).not.toBe(ended?.body.delivery)
    await observe(book, 'diverged')
    await server.first(3)
    await stop()
    expect(told()).toEqual([
      'alert.began contradicted',
      'alert.ended contradicted',
      'alert.began diverged',
    ])
    expect(store.readOnly).toBe(false)
  })

  it('is told again, under the same id and in order, until it takes it', async () => {
    server.replies.push(500, 404, 'reset', 204)
    const { book, outbox, sink } = await start()
    await observe(book, 'diverged', 'contradicted')
    const waits: number[] = []
    for (let i = 0; i < 3; i++) {
      const sleeper = await timers.sleeper(isRetry)
      waits.push(sleeper.milliseconds)
      expect(await outbox.count(sink.name)).toBe(3)
      sleeper.wake()
    }
    await server.first(6)
    expect(told()).toEqual([
      ...Array<string>(4).fill('alert.began diverged'),
      'alert.ended diverged',
      'alert.began contradicted',
    ])
    const ids = server.received.map(({ body }) => body.delivery)
    expect(new Set(ids.slice(0, 4)).size).toBe(1)
    expect(new Set(ids).size).toBe(3)
    expect(waits).toEqual([1000, 2000, 4000])
  })

  it('waits up to half as long by chance, and never longer than the longest wait', async () => {
    server.replies.push(...Array<number>(9).fill(503))
    const { book } = await start(server.url, { random: 0 })
    await observe(book, 'diverged')
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      const sleeper = await timers.sleeper(isRetry)
      waits.push(sleeper.milliseconds)
      sleeper.wake()
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('is left alone for as long as it asks', async () => {
    server.replies.push({ status: 429, headers: { 'retry-after': '120' } })
    const { book } = await start()
    await observe(book, 'diverged')
    const sleeper = await timers.sleeper(isRetry)
    expect(sleeper.milliseconds).toBe(120_000)
  })

  it('is told again where it does not answer in time', async () => {
    server.replies.push('hang')
    const { book, store } = await start()
    await observe(book, 'diverged')
    await server.first(1)
    const timeout = await timers.sleeper(isTimeout)
    timeout.wake()
    const retry = await timers.sleeper(isRetry)
    const [queued] = await store.deliveries.all()
    expect(queued).toMatchObject({ attempts: 1, failure: 'no answer within 0.007 s' })
    retry.wake()
    await server.first(2)
    expect(told()).toEqual(['alert.began diverged', 'alert.began diverged'])
  })

  it('is told when it is up again, after a restart of the node in between', async () => {
    await server.stop()
    const first = await start()
    await observe(first.book, 'contradicted', 'reproduced')
    const retry = await timers.sleeper(isRetry)
    retry.wake()
    await timers.sleeper(isRetry)
    const ids = (await first.store.deliveries.all()).map((each) => (each as { id: string }).id)
    expect(ids).toHaveLength(2)
    await first.stop()

    await server.start()
    const second = await start()
    await observe(second.book, 'reproduced', 'diverged')
    const received = await server.first(3)
    expect(told()).toEqual([
      'alert.began contradicted',
      'alert.ended contradicted',
      'alert.began diverged',
    ])
    expect(received.slice(0, 2).map(({ body }) => body.delivery)).toEqual(ids)
    const isEmpty = async (): Promise<boolean> =>
      (await second.outbox.count(second.sink.name)) === 0
    await waitFor('what was taken leaves the queue', isEmpty)
    await second.stop()

    const third = await start()
    expect(await third.outbox.count(third.sink.name)).toBe(0)
    await third.stop()
    expect(server.received).toHaveLength(3)
  })

  it('does not hold up the end of the node while it hangs, and is told at the next start', async () => {
    server.replies.push('hang')
    const first = await start()
    await observe(first.book, 'diverged')
    await server.first(1)
    await first.stop()
    const second = await start()
    await server.first(2)
    expect(told()).toEqual(['alert.began diverged', 'alert.began diverged'])
    await second.stop()
  })

  it('is not followed to another address', async () => {
    const elsewhere = new HookServer()
    await elsewhere.start()
    onTestFinished(() => elsewhere.stop())
    server.replies.push({ status: 307, headers: { location: elsewhere.url } })
    const { book, store } = await start()
    await observe(book, 'diverged')
    await timers.sleeper(isRetry)
    expect(elsewhere.received).toEqual([])
    const [queued] = await store.deliveries.all()
    expect(queued).toMatchObject({ failure: 'it answered 307; redirects are not followed' })
  })

  it('T20: is not spoken to over plain http or at an address inside, unless that is allowed', async () => {
    const port = new URL(server.url).port
    const toLoopback: ResolveHost = (_, callback) => {
      callback(null, [{ address: '127.0.0.1', family: 4 }])
    }
    const failures = async (url: string, settings: Settings): Promise<string> => {
      const { sink, stop } = await start(url, settings)
      const outcome = await sink.test(never)
      await stop()
      return outcome.ok ? 'ok' : outcome.reason
    }
    const named = `http://hooks.example:${port}/hook`
    expect(await failures(named, { resolveHost: toLoopback })).toContain('plain http is refused')
    const secure = `https://hooks.example:${port}/hook`
    expect(await failures(secure, { resolveHost: toLoopback })).toContain(
      'is at 127.0.0.1, which is not a public address',
    )
    expect(await failures('https://169.254.169.254/hook', {})).toContain('not a public address')
    expect(server.received).toEqual([])
    const insecure = [`hooks.example:${port}`]
    expect(await failures(named, { resolveHost: toLoopback, insecure })).toBe('ok')
    expect(told()).toEqual(['test'])
  })

  it('can be tested beside what is queued, with the answer as it is', async () => {
    server.replies.push(200, 401)
    const { sink, outbox } = await start()
    expect(await sink.test(never)).toEqual({ ok: true, status: 200 })
    expect(await sink.test(never)).toMatchObject({ ok: false, reason: 'it answered 401' })
    expect(told()).toEqual(['test', 'test'])
    expect(await outbox.count(sink.name)).toBe(0)
  })

  it('is given the name and password that its URL holds, and they are in no path', async () => {
    const url = new URL(server.url)
    url.username = 'node'
    url.password = 'p@ss'
    const { sink } = await start(url.href)
    await sink.test(never)
    const authorization = `Basic ${Buffer.from('node:p@ss').toString('base64')}`
    expect(server.received).toMatchObject([{ path: '/hook', headers: { authorization } }])
  })
})
