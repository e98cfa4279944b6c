/**
 * A wire that is slow: a program that passes TCP on, each piece some milliseconds later. It stands
 * in for netem where the kernel has none.
 *
 * Argument: JSON of RelayInit. Prints one line when all its ports are open.
 */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export interface RelayInit {
  /** What is connected to at the n-th port leads to the n-th host, and comes from `from` of the caller's. */
  readonly hosts: readonly { readonly address: string; readonly from: string }[]
  readonly firstPort: number
  readonly port: number
  /** One way, in milliseconds; each piece takes between half and one and a half of it, in order. */
  readonly delayMs: number
}

const init = JSON.parse(process.argv[2] ?? '') as RelayInit
const MAX_QUEUED_BYTES = 1024 * 1024

/** Passes on what comes, in order: timers of their own could overtake one another. */
function passOn(from: Socket, to: Socket): void {
  /** The end of the stream is a piece without bytes. */
  const queue: { readonly due: number; readonly chunk: Buffer | undefined }[] = []
  let [queued, last, isTimed] = [0, 0, false]

  const send = (): void => {
    isTimed = false
    for (let [first] = queue; first !== undefined && first.due <= Date.now(); [first] = queue) {
      queue.shift()
      if (first.chunk === undefined) to.end()
      else to.write(first.chunk)
      queued -= first.chunk?.length ?? 0
    }
    if (queued <= MAX_QUEUED_BYTES) from.resume()
    time()
  }
  const time = (): void => {
    const [first] = queue
    if (isTimed || first === undefined) return
    isTimed = true
    setTimeout(send, Math.max(1, Math.ceil(first.due - Date.now())))
  }
  const put = (chunk: Buffer | undefined): void => {
    last = Math.max(last, Date.now() + init.delayMs * (0.5 + Math.random()))
    queue.push({ due: last, chunk })
    queued += chunk?.length ?? 0
    if (queued > MAX_QUEUED_BYTES) from.pause()
    time()
  }
  from.on('data', put)
  from.on('end', () => put(undefined))
}

async function serve(client: Socket, host: RelayInit['hosts'][number]): Promise<void> {
  const caller = init.hosts.find(({ address }) => client.remoteAddress?.endsWith(address))
  client.on('error', () => client.destroy())
  client.pause()
  await wait(init.delayMs)
  const upstream = connect({
    host: host.address,
    port: init.port,
    ...(caller === undefined ? {} : { localAddress: caller.from }),
  })
  upstream.setNoDelay(true)
  upstream.on('error', () => upstream.destroy())
  upstream.on('close', () => client.destroy())
  client.on('close', () => upstream.destroy())
  passOn(client, upstream)
  passOn(upstream, client)
  client.resume()
}

let open = 0
init.hosts.forEach((host, i) => {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    void serve(client, host)
  })
  server.listen(init.firstPort + i, '0.0.0.0', () => {
    open++
    if (open === init.hosts.length) console.log('ready')
  })
})
// Whoever started it holds its standard input open.
process.stdin.on('end', () => process.exit(0)).resume()
