/** An HTTP server on a free loopback port whose answers a test writes by hand. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface TestServer {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** All requests so far, in order. */
  readonly seen: readonly SeenRequest[]
  stop(): Promise<void>
}

export async function startServer(listener: RequestListener): Promise<TestServer> {
  const seen: SeenRequest[] = []
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    seen.push({ method, path, headers })
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
}
