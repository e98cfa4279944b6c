/** A receiver of webhooks on a port of its own, that answers as it is told. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WebhookBody } from '../../node/alert/webhook-body.ts'

export interface ReceivedHook {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: WebhookBody
}

/** A status, headers with one, or `hang` (no answer), `reset` (the connection is cut). */
export type HookReply =
  | number
  | 'hang'
  | 'reset'
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> }

export class HookServer {
  readonly received: ReceivedHook[] = []
  /** Given to the next requests, one each; 200 after that. */
  readonly replies: HookReply[] = []
  #server: Server | undefined
  #port = 0
  #watchers: (() => void)[] = []

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`
  }

  /** Listens, on the same port as before if it has had one. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece))
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(pieces).toString()) as WebhookBody
        this.received.push({ path: request.url ?? '', headers: request.headers, body })
        for (const tell of this.#watchers.splice(0)) tell()
        const reply = this.replies.shift() ?? 200
        if (reply === 'hang') return
        if (reply === 'reset') {
          request.socket.resetAndDestroy()
          return
        }
        if (typeof reply === 'number') response.writeHead(reply).end('thank you')
        else response.writeHead(reply.status, reply.headers).end()
      })
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  async stop(): Promise<void> {
    if (this.#server === undefined) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
    this.#server = undefined
  }

  /** The first `count` requests, as soon as so many have come. */
  async first(count: number): Promise<readonly ReceivedHook[]> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
    return this.received.slice(0, count)
  }
}
