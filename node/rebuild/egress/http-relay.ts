/**
 * Plain HTTP of a build, passed on request by request, so that it can be said what was fetched.
 *
 * A request goes to the host that the step has connected to, and must name that one; what the
 * operator has put before that host (route.ts) is asked in its place. A host that throttles is asked
 * again (throttle.ts). Bodies pass through unread but for their hash: what came by plain HTTP whole is
 * recorded by its sha256, under the address that the step asked for.
 */
import { createHash } from 'node:crypto'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { LookupFunction, Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { asAsked, routeOf, type EgressRoutes, type Route } from './route.ts'
import { isThrottled, Throttle } from './throttle.ts'

/** One file that came by plain HTTP. */
export interface FetchedFile {
  readonly url: string
  /** `sha256:…` of the body as it was sent. */
  readonly digest: string
  readonly bytes: number
  /** `host:port` of what the operator has put before the address, where it came from there. */
  readonly from?: string
}

export interface HttpDestination {
  readonly host: string
  readonly port: number
  readonly lookup: LookupFunction
  /** Of the build's own surroundings (`insecure`). */
  readonly near: boolean
}

export interface HttpRelayEvents {
  readonly fetched: (file: FetchedFile) => void
  readonly refused: (destination: HttpDestination, reason: string) => void
  /** What keeps a step from its answer and is nobody's but the network's. */
  readonly failed: (destination: HttpDestination, reason: string) => void
  /** Counts bytes that came in; false: no more. */
  readonly count: (bytes: number) => boolean
}

interface Exchange {
  readonly asked: IncomingMessage
  readonly answer: ServerResponse
  readonly destination: HttpDestination
  readonly route: Route
}

export class HttpRelay {
  readonly #events: HttpRelayEvents
  readonly #routes: EgressRoutes
  readonly #throttle: Throttle
  readonly #destinations = new WeakMap<Socket, HttpDestination>()
  readonly #agent = new Agent({ keepAlive: true })
  /** For what the operator has put before others: apart, since no address of it was judged. */
  readonly #ownAgent = new Agent({ keepAlive: true })
  readonly #server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })

  constructor(
    events: HttpRelayEvents,
    routes: EgressRoutes = {},
    throttle: Throttle = new Throttle(),
  ) {
    this.#events = events
    this.#routes = routes
    this.#throttle = throttle
    this.#server.on('request', (asked, answer) => this.#relay(asked, answer))
    // A socket that breaks is the step's own affair.
    this.#server.on('clientError', (_, socket) => socket.destroy())
  }

  /** Takes over a connection, paused, of which nothing is lost. */
  take(socket: Socket, destination: HttpDestination): void {
    this.#destinations.set(socket, destination)
    this.#server.emit('connection', socket)
    // It was paused to be handed over with what had been read of it.
    socket.resume()
  }

  close(): void {
    this.#agent.destroy()
    this.#ownAgent.destroy()
    this.#server.closeAllConnections()
  }

  #relay(asked: IncomingMessage, answer: ServerResponse): void {
    const destination = this.#destinations.get(asked.socket)
    if (destination === undefined) return refuse(answer, 502, 'no such connection')
    const { host, port, near } = destination
    const path = asked.url ?? '/'
    const named = asked.headers.host?.toLowerCase()
    const isProxied = /^https?:/i.test(path)
    if (!isProxied && named !== undefined && named !== host && named !== `${host}:${port}`) {
      this.#events.refused(destination, `a request on its connection names ${named}`)
      return refuse(answer, 421, `this connection is to ${host}, not to ${named}`)
    }
    const route = routeOf(this.#routes, { host, port, path, near })
    const exchange = { asked, answer, destination, route }
    void this.#exchange(exchange).catch((error: unknown) => {
      // A step that has gone away wants no answer, and nothing has failed it.
      if (answer.closed) return
      const over = route.kind === 'direct' ? '' : ` by way of ${route.host}:${route.port}`
      this.#events.failed(destination, `cannot be had${over}: ${reasonOf(error)}`)
      if (answer.headersSent) answer.destroy()
      else refuse(answer, 502, 'Bad Gateway')
    })
  }

  async #exchange(exchange: Exchange): Promise<void> {
    const { asked, answer, destination } = exchange
    const gone = new AbortController()
    answer.once('close', () => gone.abort())
    const visit = this.#throttle.begin(destination.host)
    for (;;) {
      await this.#throttle.ready(visit, gone.signal)
      const reply = await this.#send(exchange)
      const { statusCode = 502, statusMessage = '', headers } = reply
      const asks = headers['retry-after']
      if (!isRepeatable(asked) || !this.#throttle.shouldRepeat(visit, statusCode, asks)) {
        if (isThrottled(statusCode)) {
          const wait = asks === undefined ? '' : `, retry-after: ${asks}`
          this.#events.failed(destination, `answers ${statusCode} ${statusMessage}${wait}`)
        }
        return this.#return(exchange, reply)
      }
      reply.destroy()
    }
  }

  async #send({ asked, answer, destination, route }: Exchange): Promise<IncomingMessage> {
    const { host, port, lookup } = destination
    const out = request({
      ...(route.kind === 'direct'
        ? { host, port, lookup, path: asked.url, agent: this.#agent }
        : { host: route.host, port: route.port, path: route.path, agent: this.#ownAgent }),
      method: asked.method,
      headers: withHeader(asked.rawHeaders, 'host', (named) =>
        route.kind === 'direct' ? named : route.named,
      ),
      setHost: false,
    })
    answer.once('close', () => out.destroy())
    if (isRepeatable(asked)) out.end()
    else asked.pipe(out)
    return new Promise((resolve, reject) => {
      out.on('response', resolve)
      out.on('error', reject)
    })
  }

  #return({ asked, answer, destination, route }: Exchange, reply: IncomingMessage): void {
    const { host, port } = destination
    const hash = createHash('sha256')
    let bytes = 0
    reply.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      bytes += chunk.length
      if (!this.#events.count(chunk.length)) reply.destroy()
    })
    const headers = withHeader(reply.rawHeaders, 'location', (location) =>
      route.kind === 'mirror' ? asAsked(this.#routes, host, location) : location,
    )
    answer.writeHead(reply.statusCode ?? 502, reply.statusMessage, [...headers])
    pipeline(reply, answer, (error) => {
      if (error instanceof Error) {
        answer.destroy()
        return
      }
      if (asked.method !== 'GET' || reply.statusCode !== 200) return
      const at = port === 80 ? host : `${host}:${port}`
      const path = asked.url ?? '/'
      const url = /^https?:/i.test(path) ? path : `http://${at}${path}`
      const digest = `sha256:${hash.digest('hex')}`
      const from = route.kind === 'direct' ? {} : { from: `${route.host}:${route.port}` }
      this.#events.fetched({ url, digest, bytes, ...from })
    })
  }
}

/** It changes nothing where it is asked, and has nothing in it that is gone once it is sent. */
function isRepeatable({ method, headers }: IncomingMessage): boolean {
  const hasBody =
    headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined
  return (method === 'GET' || method === 'HEAD') && !hasBody
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}

function refuse(answer: ServerResponse, status: number, text: string): void {
  answer.writeHead(status, { connection: 'close' })
  answer.end(`${text}\n`)
}

/** Names and values by turns, with those of `name` changed. */
function withHeader(
  raw: readonly string[],
  name: string,
  change: (value: string) => string,
): readonly string[] {
  return raw.map((word, i) =>
    i % 2 === 1 && raw[i - 1]?.toLowerCase() === name ? change(word) : word,
  )
}
