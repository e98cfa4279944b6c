/** A TCP connection's middle: passes everything on, until it stops passing on what the server says. */
import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export interface TcpProxy {
  readonly port: number
  /** From now on the client reads nothing: what the server sends stays with the server. */
  stopReading(): void
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets: Socket[] = []
  const upstreams: Socket[] = []
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    sockets.push(client, upstream)
    upstreams.push(upstream)
    client.pipe(upstream)
    upstream.pipe(client)
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as { port: number }).port,
    stopReading: () => {
      for (const upstream of upstreams) {
        upstream.unpipe()
        upstream.pause()
      }
    },
  }
}
