/**
 * HTTP to registries: one request with its redirects, and retries of what may pass.
 *
 * Redirects are followed here, not by the library, because each of them is a new decision: whether
 * the address may be spoken to, and whether `Authorization` may go along, which it never does to
 * another origin. Statuses 408, 429 and 5xx and broken connections are tried again with backoff.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Dispatcher } from 'undici'
import type { AddressGuard } from './address-guard.ts'
import {
  createGuardedAgent,
  systemResolveHost,
  type AgentTimeouts,
  type ResolveHost,
} from './guarded-agent.ts'
import { ImageError } from './image-error.ts'
import { retryAfterMs } from '../system/retry-after.ts'

export type Delay = (ms: number, signal?: AbortSignal) => Promise<void>

export interface TransportComponents {
  readonly guard: AddressGuard
  readonly delay?: Delay
  readonly resolveHost?: ResolveHost
}

export interface TransportOptions extends AgentTimeouts {
  /** How often a request is made before its failure is final. */
  readonly attempts: number
  readonly baseDelayMs: number
  /** A server that asks for a longer pause than this is not waited for. */
  readonly maxDelayMs: number
  readonly maxRedirects: number
}

const defaultTransportOptions: TransportOptions = Object.freeze({
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  attempts: 5,
  baseDelayMs: 500,
  maxDelayMs: 60_000,
  maxRedirects: 5,
})

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | (() => AsyncIterable<Uint8Array>)
  readonly signal?: AbortSignal | undefined
}

export interface HttpResponse {
  readonly status: number
  /** Where the answer came from, after redirects. */
  readonly url: URL
  header(name: string): string | undefined
  readonly body: Dispatcher.ResponseData['body']
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const RETRIED = new Set([408, 429, 500, 502, 503, 504])
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT'])

export class HttpTransport {
  readonly guard: AddressGuard
  readonly #agent: Agent
  readonly #delay: Delay
  readonly #options: TransportOptions

  constructor(components: TransportComponents, options: Partial<TransportOptions> = {}) {
    this.#options = { ...defaultTransportOptions, ...options }
    this.guard = components.guard
    this.#delay =
      components.delay ??
      ((ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }))
    this.#agent = createGuardedAgent(
      components.guard,
      components.resolveHost ?? systemResolveHost,
      this.#options,
    )
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  /** The answer, whatever its status; throws ImageError where there is none. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const repeatable = IDEMPOTENT.has(request.method) && typeof request.body !== 'function'
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= this.#options.attempts || !repeatable
      let pause = this.backoffMs(attempt)
      try {
        const response = await this.requestOnce(request)
        if (last || !RETRIED.has(response.status)) return response
        const asked = retryAfterMs(response.header('retry-after'))
        if (asked !== undefined && asked > this.#options.maxDelayMs) return response
        pause = Math.max(pause, asked ?? 0)
        await response.body.dump()
      } catch (error) {
        request.signal?.throwIfAborted()
        if (last || !(error instanceof ImageError) || !error.transient) throw error
      }
      await this.pause(pause, request.signal)
    }
  }

  backoffMs(attempt: number): number {
    const full = Math.min(this.#options.baseDelayMs * 2 ** (attempt - 1), this.#options.maxDelayMs)
    return full / 2 + Math.random() * (full / 2)
  }

  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await this.#delay(ms, signal)
  }

  /** One request and its redirects. */
  async requestOnce(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request
    let from: URL | undefined
    let headers: Readonly<Record<string, string>> = request.headers ?? {}
    for (let redirects = 0; ; redirects++) {
      this.guard.checkUrl(url, from)
      const response = await this.#send(request, url, headers)
      const location = response.header('location')
      const follows =
        REDIRECTS.has(response.status) && (request.method === 'GET' || request.method === 'HEAD')
      if (!follows || location === undefined) return response
      await response.body.dump()
      if (redirects >= this.#options.maxRedirects) {
        throw new ImageError(
          'redirect-refused',
          `${request.url.host}: more than ${this.#options.maxRedirects} redirects`,
        )
      }
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined
      if (next === undefined) {
        throw new ImageError(
          'registry-protocol',
          `${url.host}: redirects to something that is not an address`,
        )
      }
      next.username = ''
      next.password = ''
      if (next.origin !== url.origin) headers = withoutAuthorization(headers)
      from = url
      url = next
    }
  }

  async #send(
    request: HttpRequest,
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> {
    const body = typeof request.body === 'function' ? request.body() : request.body
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: { 'user-agent': 'rebuildnet', ...headers },
        ...(body === undefined
          ? {}
          : { body: body as Exclude<typeof body, AsyncIterable<Uint8Array>> }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      })
      return {
        status: answer.statusCode,
        url,
        body: answer.body,
        header: (name) => {
          const value = answer.headers[name]
          return Array.isArray(value) ? value.join(', ') : value
        },
      }
    } catch (error) {
      request.signal?.throwIfAborted()
      throw connectionError(url, error)
    }
  }
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  )
}

/** The family error for whatever the socket, TLS or the HTTP parser threw. */
export function connectionError(url: URL, error: unknown): ImageError {
  if (error instanceof ImageError) return error
  const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = errorCode(cause)
  const timeout = code === 'ETIMEDOUT' || /^UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT$/.test(code)
  const reason =
    code === 'ENOTFOUND' ? 'no such host' : cause instanceof Error ? cause.message : String(cause)
  return new ImageError(
    timeout ? 'registry-timeout' : 'registry-unreachable',
    `${url.host} ${timeout ? 'does not answer' : 'cannot be reached'} (${reason || code}): check its name and the network, or try again later`,
    { cause },
  )
}

/** The system's or library's error code, or ''. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}
