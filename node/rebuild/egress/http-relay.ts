/**
 * Plain HTTP of a build, passed on request by request, so that it can be said what was fetched.
 *
 * A request goes to the host that the step has connected to, and must name that one. Bodies pass
 * through unread but for their hash: what came by plain HTTP whole is recorded by its sha256.
 */
import { createHash } from 'node:crypto'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { LookupFunction, Socket } from 'node:net'
import { pipeline } from 'node:stream'

/** One file that came by plain HTTP. */
export interface FetchedFile {
  readonly url: string
  /** `sha256:…` of the body as it was sent. */
  readonly digest: string
  readonly bytes: number
}

export interface HttpDestination {
  readonly host: string
  readonly port: number
  readonly lookup: LookupFunction
}

export interface HttpRelayEvents {
  readonly fetched: (file: FetchedFile) => void
  readonly refused: (destination: HttpDestination, reason: string) => void
  /** Counts bytes that came in; false: no more. */
  readonly count: (bytes: number) => boolean
}

export class HttpRelay {
  readonly #events: HttpRelayEvents
  readonly #destinations = new WeakMap<Socket, HttpDestination>()
  readonly #agent = new Agent({ keepAlive: true })
  readonly #server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })

  constructor(events: HttpRelayEvents) {
    this.#events = events
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
    this.#server.closeAllConnections()
  }

  #relay(asked: IncomingMessage, answer: ServerResponse): void {
    const destination = this.#destinations.get(asked.socket)
    const refuse = (status: number, text: string): void => {
      if (!answer.headersSent) answer.writeHead(status, { connection: 'close' })
      answer.end(`${text}\n`)
    }
    if (destination === undefined) return refuse(502, 'no such connection')
    const { host, port, lookup } = destination
    const named = asked.headers.host?.toLowerCase()
    const isProxied = /^https?:/i.test(asked.url ?? '')
    if (!isProxied && named !== undefined && named !== host && named !== `${host}:${port}`) {
      this.#events.refused(destination, `a request on its connection names ${named}`)
      return refuse(421, `this connection is to ${host}, not to ${named}`)
    }
    const out = request({
      host,
      port,
      lookup,
      method: asked.method,
      path: asked.url,
      headers: asked.rawHeaders as unknown as readonly string[],
      setHost: false,
      agent: this.#agent,
    })
    out.on('response', (reply) => this.#return(asked, reply, answer, destination))
    out.on('error', () => {
      if (answer.headersSent) answer.destroy()
      else refuse(502, 'Bad Gateway')
    })
    answer.on('close', () => out.destroy())
    asked.pipe(out)
  }

  #return(
    asked: IncomingMessage,
    reply: IncomingMessage,
    answer: ServerResponse,
    { host, port }: HttpDestination,
  ): void {
    const hash = createHash('sha256')
    let bytes = 0
    reply.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      bytes += chunk.length
      if (!this.#events.count(chunk.length)) reply.destroy()
    })
    answer.writeHead(reply.statusCode ?? 502, reply.statusMessage, reply.rawHeaders)
    pipeline(reply, answer, (error) => {
      if (error instanceof Error) {
        answer.destroy()
        return
      }
      if (asked.method !== 'GET' || reply.statusCode !== 200) return
      const at = port === 80 ? host : `${host}:${port}`
      const path = asked.url ?? '/'
      const url = /^https?:/i.test(path) ? path : `http://${at}${path}`
      this.#events.fetched({ url, digest: `sha256:${hash.digest('hex')}`, bytes })
    })
  }
}
