/**
 * Peer exchange: a bootstrap node tells who asks of some peers that it is connected to. gossipsub
 * tells only those whom it prunes, which in a network of a dozen nodes is nobody.
 *
 * An answer is up to sixteen signed peer records, each with its length before it: each peer itself
 * said where it can be reached, so the teller can keep peers back and cannot make any up at an
 * address that is not theirs. Only configured peers are asked. node/network/README.md.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Host } from './host.ts'
import {
  MAX_EXCHANGED_PEERS,
  MAX_PEER_RECORD_BYTES,
  MAX_REMEMBERED_PEERS,
  PEER_EXCHANGE_BURST,
  PEER_EXCHANGE_INTERVAL_MS,
} from './limits.ts'
import type { PeerMemory } from './peer-memory.ts'
import { ACCEPT_PX_THRESHOLD } from './scores.ts'
import { TokenBuckets } from './token-buckets.ts'

const EXCHANGE_TIMEOUT_MS = 10_000

export interface PeerExchangeComponents {
  readonly host: Host
  readonly clock: Clock
  readonly logger: Logger
  readonly memory: PeerMemory
}

export class PeerExchange {
  readonly #components: PeerExchangeComponents
  readonly #protocol: string
  readonly #serves: boolean
  readonly #served: TokenBuckets
  readonly #asked: TokenBuckets

  constructor(
    components: PeerExchangeComponents,
    options: { readonly network: string; readonly peerExchange: boolean },
  ) {
    const budget = {
      capacity: PEER_EXCHANGE_BURST,
      refillMs: PEER_EXCHANGE_INTERVAL_MS,
      maxNames: MAX_REMEMBERED_PEERS,
    }
    this.#components = components
    this.#protocol = `/rebuildnet/${options.network}/peers/1`
    this.#serves = options.peerExchange
    this.#served = new TokenBuckets(components.clock, budget)
    this.#asked = new TokenBuckets(components.clock, budget)
  }

  async start(): Promise<void> {
    if (!this.#serves) return
    const { host } = this.#components
    const handler = (stream: Stream, connection: Connection): Promise<void> =>
      this.#serve(stream, connection)
    await host.handle(this.#protocol, handler, {
      maxInboundStreams: 1,
      runOnLimitedConnection: true,
    })
  }

  async stop(): Promise<void> {
    if (this.#serves) await this.#components.host.unhandle(this.#protocol)
  }

  /** Asks the configured peers that are connected and have not been asked of late. */
  async askConfigured(signal: AbortSignal): Promise<void> {
    const { host, memory, logger } = this.#components
    for (const connection of host.getConnections()) {
      const peer = connection.remotePeer.toString()
      if (memory.score(peer) <= ACCEPT_PX_THRESHOLD || connection.status !== 'open') continue
      const { protocols } = await host.peerStore.get(connection.remotePeer)
      if (!protocols.includes(this.#protocol) || !this.#asked.take(peer)) continue
      try {
        await this.#ask(
          connection,
          AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]),
        )
      } catch (error) {
        signal.throwIfAborted()
        const reason = error instanceof Error ? error.message : 'unknown'
        logger.debug({ peer, reason }, 'a peer told of no others')
      }
    }
  }

  async #ask(connection: Connection, signal: AbortSignal): Promise<void> {
    const { host } = this.#components
    const stream = await connection.newStream(this.#protocol, {
      signal,
      runOnLimitedConnection: true,
    })
    try {
      const frames = lpStream(stream, { maxDataLength: MAX_PEER_RECORD_BYTES })
      for (let i = 0; i < MAX_EXCHANGED_PEERS; i++) {
        const record = await frames.read({ signal })
        if (record.byteLength === 0) break
        // Throws for a record that is not signed by the peer it is of.
        await host.peerStore.consumePeerRecord(record.subarray())
      }
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)
    const asker = connection.remotePeer
    try {
      const frames = lpStream(stream, { maxDataLength: MAX_PEER_RECORD_BYTES })
      if (this.#served.take(asker.toString())) {
        for (const record of await this.#records(asker.toString())) {
          await frames.write(record, { signal })
        }
      }
      // The end: an empty frame, since a stream that ends may also have broken.
      await frames.write(new Uint8Array(), { signal })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error as Error)
    }
  }

  async #records(asker: string): Promise<Uint8Array[]> {
    const { host, memory } = this.#components
    const good = host
      .getPeers()
      .filter((peer) => peer.toString() !== asker && memory.score(peer.toString()) >= 0)
    const records: Uint8Array[] = []
    // From a random one on, so that an asker who comes again hears of others.
    const first = Math.floor(Math.random() * good.length)
    for (const peer of [...good.slice(first), ...good.slice(0, first)]) {
      if (records.length === MAX_EXCHANGED_PEERS) break
      const { peerRecordEnvelope: record } = await host.peerStore.get(peer)
      if (record !== undefined && record.length <= MAX_PEER_RECORD_BYTES) records.push(record)
    }
    return records
  }
}
