/** What an exchange holds until its end is let go of, however the stream ends. */
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { expect, it, onTestFinished } from 'vitest'
import { runExchange } from '../../node/network/exchange/run-exchange.ts'
import { waitFor } from '../support/wait-for.ts'

const PROTOCOL = '/test/1'

async function startHost(): Promise<Libp2p> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  onTestFinished(async () => host.stop())
  return host
}

it('ends the work of an exchange whose stream breaks while there is no room for the next frame', async () => {
  const [asking, other] = [await startHost(), await startHost()]
  // Reads nothing, and is gone when it is full.
  await other.handle(PROTOCOL, (stream) => stream.pause())
  const connection = await asking.dial(other.getMultiaddrs())
  const stream = await connection.newStream(PROTOCOL)
  let ended = false
  const work = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(60_000)
    } finally {
      ended = true
    }
  }
  const limits = { maxBufferedBytes: 1e6, stallMs: 300, signal: new AbortController().signal }
  await expect(runExchange(stream, work, limits)).rejects.toBeDefined()
  await waitFor('the work has ended', () => ended)
})
