/**
 * Posts what begins and ends to one URL, in order, until each is taken.
 *
 * Taken means a 2xx answer. Anything else, also no answer, is tried again with exponential backoff
 * and jitter for as long as it takes, over restarts too; what comes later waits, so that no end is
 * told before its beginning. Redirects are not followed: the URL is the one that was configured.
 * Which addresses may be spoken to is the guard's to say (node/README.md T20), here for the URL and
 * in the dispatcher for the address that a connection goes to.
 */
import { createHash, randomUUID } from 'node:crypto'
import { request, type Dispatcher } from 'undici'
import type { Logger } from '../logger.ts'
import type { Outbox, QueuedDelivery } from './outbox.ts'
import type { Timers } from './timers.ts'
import { testBody, webhookBodyOf, type WebhookBody } from './webhook-body.ts'

/** Throws where a URL may not be asked. */
interface UrlGuard {
  checkUrl(url: URL): void
}

export interface WebhookSinkComponents {
  readonly outbox: Outbox
  /** Makes the connections, and only to addresses that are allowed. */
  readonly dispatcher: Dispatcher
  readonly guard: UrlGuard
  readonly timers: Timers
  /** From 0 to 1; the jitter of retries. */
  readonly random: () => number
  readonly logger: Logger
}

export interface WebhookSinkOptions {
  /** Longest wait for an answer. */
  readonly timeoutMs: number
  /** Wait after the first failure; doubled with each further one. */
  readonly retryBaseMs: number
  readonly retryMaxMs: number
}

const defaultWebhookSinkOptions: WebhookSinkOptions = Object.freeze({
  timeoutMs: 10_000,
  retryBaseMs: 1_000,
  retryMaxMs: 15 * 60_000,
})

export type PostOutcome =
  | { readonly ok: true; readonly status: number }
  | { readonly ok: false; readonly reason: string; readonly retryAfterMs?: number }

const MAX_ANSWER_BYTES = 64 * 1024
const MAX_RETRY_AFTER_MS = 60 * 60_000

/** The name under which deliveries to `url` are queued. The URL itself may hold a secret. */
export function webhookName(url: string): string {
  return `webhook-${createHash('sha256').update(url).digest('hex').slice(0, 16)}`
}

export class WebhookSink {
  readonly name: string
  readonly #components: WebhookSinkComponents
  readonly #url: URL
  readonly #options: WebhookSinkOptions
  #stopping = new AbortController()
  #work: Promise<void> = Promise.resolve()

  constructor(
    components: WebhookSinkComponents,
    init: { readonly url: string },
    options: Partial<WebhookSinkOptions> = {},
  ) {
    this.name = webhookName(init.url)
    this.#components = components
    this.#url = new URL(init.url)
    this.#options = { ...defaultWebhookSinkOptions, ...options }
  }

  start(): void {
    this.#stopping = new AbortController()
    this.#work = this.#run(this.#stopping.signal)
  }

  /** What was not taken yet stays queued. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the node is stopping'))
    await this.#work
  }

  /** Posts a test event once, beside the queue. */
  async test(signal: AbortSignal): Promise<PostOutcome> {
    return this.#post(testBody(randomUUID()), signal)
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { outbox } = this.#components
    let failures = 0
    for (;;) {
      try {
        const queued = await outbox.next(this.name, signal)
        await this.#deliver(queued, signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        // The queue itself cannot be read or written: a full disk, say.
        this.#warn({ error: String(error) }, 'the queue of a webhook cannot be kept')
        await this.#backOff(++failures, 0, signal)
      }
    }
  }

  /** Until it is taken, and until that is written down. */
  async #deliver(queued: QueuedDelivery, signal: AbortSignal): Promise<void> {
    const { outbox } = this.#components
    const body = webhookBodyOf(queued.delivery)
    for (let attempts = queued.delivery.attempts + 1; ; attempts++) {
      const outcome = await this.#post(body, signal)
      if (outcome.ok) break
      signal.throwIfAborted()
      this.#warn({ attempts, reason: outcome.reason }, 'a webhook was not delivered yet')
      await outbox.recordFailure(queued, attempts, outcome.reason).catch((error: unknown) => {
        // Only the count is lost: the delivery is stored as it was.
        this.#warn({ error: String(error) }, 'the queue of a webhook cannot be kept')
      })
      await this.#backOff(attempts, outcome.retryAfterMs ?? 0, signal)
    }
    for (let failures = 1; ; failures++) {
      signal.throwIfAborted()
      try {
        await outbox.remove(queued)
        return
      } catch (error) {
        this.#warn({ error: String(error) }, 'a webhook was delivered, and that cannot be kept')
        await this.#backOff(failures, 0, signal)
      }
    }
  }

  async #post(body: WebhookBody, signal: AbortSignal): Promise<PostOutcome> {
    const answered = new AbortController()
    const tooLate = new AbortController()
    const { dispatcher, guard, timers } = this.#components
    const { timeoutMs } = this.#options
    timers.sleep(timeoutMs, AbortSignal.any([signal, answered.signal])).then(
      () => tooLate.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
      () => undefined,
    )
    try {
      guard.checkUrl(this.#url)
      const either = AbortSignal.any([signal, tooLate.signal])
      const answer = await request(this.#url, {
        dispatcher,
        method: 'POST',
        headers: this.#headers(body),
        body: JSON.stringify(body),
        signal: either,
      })
      // The status decides; the text is read only to free the connection.
      await answer.body.dump({ limit: MAX_ANSWER_BYTES, signal: either }).catch(() => undefined)
      return judge(answer.statusCode, answer.headers['retry-after'])
    } catch (error) {
      return { ok: false, reason: reasonOf(tooLate.signal.aborted ? tooLate.signal.reason : error) }
    } finally {
      answered.abort()
    }
  }

  #headers(body: WebhookBody): Record<string, string> {
    const { username, password } = this.#url
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return {
      'content-type': 'application/json',
      'user-agent': 'rebuildnet',
      'rebuildnet-delivery': body.delivery,
      'rebuildnet-event': body.event,
      ...(username === ''
        ? {}
        : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    }
  }

  async #backOff(failures: number, atLeastMs: number, signal: AbortSignal): Promise<void> {
    const { timers, random } = this.#components
    const { retryBaseMs, retryMaxMs } = this.#options
    const full = Math.min(retryMaxMs, retryBaseMs * 2 ** (failures - 1))
    const wait = Math.max(atLeastMs, full * (0.5 + random() / 2))
    // It rejects only when it is told to stop, which the loops look for.
    await timers.sleep(wait, signal).catch(() => undefined)
  }

  #warn(fields: object, message: string): void {
    this.#components.logger.warn({ webhook: this.#url.origin, ...fields }, message)
  }
}

function judge(status: number, retryAfter: string | string[] | undefined): PostOutcome {
  if (status >= 200 && status < 300) return { ok: true, status }
  const redirect = status >= 300 && status < 400 ? '; redirects are not followed' : ''
  const reason = `it answered ${status}${redirect}`
  const seconds = typeof retryAfter === 'string' && /^[0-9]{1,9}$/.test(retryAfter) ? retryAfter : 0
  const retryAfterMs = Math.min(MAX_RETRY_AFTER_MS, Number(seconds) * 1000)
  return { ok: false, reason, retryAfterMs }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // A host with several addresses fails with one error for each of them, and no text of its own.
  const code = (error as NodeJS.ErrnoException).code
  return error.message === '' ? (code ?? error.name) : error.message
}
