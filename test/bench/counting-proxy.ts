/** Passes TCP connections on, and counts what goes through. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface CountingProxy {
  readonly port: number
  /** In both directions. */
  bytes(): number
  close(): void
}

export async function startCountingProxy(target: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>()
  let bytes = 0
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => (bytes += chunk.length))
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    bytes: () => bytes,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
