/**
 * One protocol of requests and answers over streams: who speaks it, how many are served at once,
 * and what becomes of a peer that breaks its rules. What is said on a stream is the caller's.
 *
 * A peer that lies is shut out for hours; one that stalls loses its connection, since slowness
 * is no proof of ill will. node/network/README.md.
 */
import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { Host } from '../host.ts'
import { NetworkError } from '../network-error.ts'
import type { PeerMemory } from '../peer-memory.ts'
import { TokenBuckets } from '../token-buckets.ts'
import {
  CLIENT_BUFFER_BYTES,
  MAX_ASKED,
  MAX_PACED_PEERS,
  MAX_SERVED,
  SERVER_BUFFER_BYTES,
} from './limits.ts'
import { retry, Semaphore } from './pacing.ts'
import { runExchange, type Work } from './run-exchange.ts'

export interface ExchangerComponents {
  readonly host: Host
  readonly clock: Clock
  readonly logger: Logger
  readonly memory: PeerMemory
}

export interface ExchangerOptions {
  /** Name of the protocol, such as `/rebuildnet/main/sync/1`. */
  readonly protocol: string
  readonly stallMs: number
  /** Exchanges that one peer is served at once without a pause, and how long until one more. */
  readonly servedBurst: number
  readonly servedRefillMs: number
  /** The frame that says: not now. */
  readonly busy: Uint8Array
  /** Whether a failed exchange is worth another attempt with the same peer. */
  readonly mayRetry: (error: unknown) => boolean
}

export interface ExchangerHandlers {
  /** Answers what one peer asks. */
  readonly serve: Work
  /** A peer that speaks the protocol has come. */
  readonly onSpeaker?: (peer: string) => void
}

const LIES: ReadonlySet<string> = new Set(['sync-lie', 'sync-protocol', 'sync-flood'])

export class Exchanger {
  readonly #components: ExchangerComponents
  readonly #options: ExchangerOptions
  readonly #stopping = new AbortController()
  readonly #asking = new Semaphore(MAX_ASKED)
  readonly #speakers = new Set<string>()
  readonly #served = new Set<string>()
  readonly #servedRate: TokenBuckets
  #topology: string | undefined

  constructor(components: ExchangerComponents, options: ExchangerOptions) {
    this.#components = components
    this.#options = options
    this.#servedRate = new TokenBuckets(components.clock, {
      capacity: options.servedBurst,
      refillMs: options.servedRefillMs,
      maxNames: MAX_PACED_PEERS,
    })
  }

  /** Aborted when the exchanges are to end. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  async start({ serve, onSpeaker }: ExchangerHandlers): Promise<void> {
    const { host } = this.#components
    const { protocol } = this.#options
    const handler = (stream: Stream, connection: Connection): Promise<void> =>
      this.#serve(stream, connection, serve)
    // Two, so that a second one can be told that it is one too many.
    // Through a relay too: peers behind routers may have no other way to one another.
    const streams = { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: true }
    await host.handle(protocol, handler, streams)
    this.#topology = await host.register(protocol, {
      notifyOnLimitedConnection: true,
      onConnect: (peer) => {
        this.#speakers.add(peer.toString())
        onSpeaker?.(peer.toString())
      },
      onDisconnect: (peer) => void this.#speakers.delete(peer.toString()),
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    const { host } = this.#components
    if (this.#topology !== undefined) host.unregister(this.#topology)
    await host.unhandle(this.#options.protocol)
  }

  /** Connected peers that speak the protocol. */
  get speakers(): ReadonlySet<string> {
    return this.#speakers
  }

  /** Where a peer is, as its connection shows it; undefined where it has gone. */
  addressOf(peer: string): string | undefined {
    return this.#connectionTo(peer)?.remoteAddr.toString()
  }

  /** One exchange with a peer, tried again where that may help. Throws NetworkError, and what `work` does. */
  async ask(peer: string, work: () => Work, signal: AbortSignal): Promise<void> {
    const ending = AbortSignal.any([signal, this.#stopping.signal])
    await retry(
      () => this.#asking.run(() => this.#ask(peer, work(), ending)),
      (error) => this.#options.mayRetry(error) && this.#connectionTo(peer) !== undefined,
      ending,
    )
  }

  /** What a failed exchange costs the peer. */
  blame(peer: string, error: unknown): void {
    const { memory, logger } = this.#components
    const { protocol } = this.#options
    const code = error instanceof NetworkError ? error.code : undefined
    const reason = error instanceof Error ? error.message : 'unknown'
    if (this.#stopping.signal.aborted) return
    if (!isLie(error) && code !== 'sync-stalled') {
      logger.debug({ peer, protocol, reason }, 'an exchange failed')
      return
    }
    logger.warn({ peer, protocol, code, reason }, 'a peer broke the rules and is dropped')
    if (isLie(error)) memory.lied(peer)
    this.#connectionTo(peer)?.abort(error as NetworkError)
  }

  async #ask(peer: string, work: Work, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const connection = this.#connectionTo(peer)
    if (connection === undefined) throw new NetworkError('dial-failed', `peer ${peer} has gone`)
    const stream = await connection.newStream(this.#options.protocol, {
      signal,
      runOnLimitedConnection: true,
    })
    const { stallMs } = this.#options
    await runExchange(stream, work, { maxBufferedBytes: CLIENT_BUFFER_BYTES, stallMs, signal })
  }

  async #serve(stream: Stream, connection: Connection, serve: Work): Promise<void> {
    const { logger } = this.#components
    const { protocol, stallMs, busy: refusal } = this.#options
    const peer = connection.remotePeer.toString()
    const busy =
      this.#served.has(peer) || this.#served.size >= MAX_SERVED || !this.#servedRate.take(peer)
    if (!busy) this.#served.add(peer)
    try {
      await runExchange(stream, busy ? (requests) => refuse(requests, refusal) : serve, {
        maxBufferedBytes: SERVER_BUFFER_BYTES,
        stallMs,
        signal: this.#stopping.signal,
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      logger.debug({ peer, protocol, reason }, 'an exchange that was served failed')
    } finally {
      if (!busy) this.#served.delete(peer)
    }
  }

  #connectionTo(peer: string): Connection | undefined {
    return this.#components.host
      .getConnections()
      .find((each) => each.status === 'open' && each.remotePeer.toString() === peer)
  }
}

/** Whether the peer has broken rules that every node keeps. */
export function isLie(error: unknown): boolean {
  return error instanceof NetworkError && LIES.has(error.code)
}

export function isBusy(error: unknown): boolean {
  return error instanceof NetworkError && error.code === 'sync-busy'
}

/** Waits for the request: a stream that is closed before its other end listens seems to stay open there. */
async function* refuse(
  requests: AsyncIterable<Uint8Array>,
  refusal: Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const _ of requests) {
    yield refusal
    return
  }
}
