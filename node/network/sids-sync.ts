/**
 * Sync by sids, protocol `/rebuildnet/<network>/sids/0`: a node that joins late, or was away, gets
 * every statement of the projects that it follows. Gossip is quick; this is what delivers.
 *
 * Each newly connected peer is asked once, and some of the connected ones at every interval. A
 * failed exchange is tried again with growing pauses; a peer that lies is shut out. The format is
 * in sids/frames.ts.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Connection, Stream } from '@libp2p/interface'
import type { Crypto } from '../../protocol/crypto.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Acceptance, Admission, StatementSource } from './admission.ts'
import type { Host } from './host.ts'
import { NetworkError } from './network-error.ts'
import type { NetworkOptions } from './options.ts'
import type { PeerMemory } from './peer-memory.ts'
import { Declined } from './sids/declined.ts'
import { runExchange } from './exchange/run-exchange.ts'
import { fetchSids, type FetchResult } from './sids/fetch.ts'
import * as limits from './sids/limits.ts'
import { retry, Semaphore } from './exchange/pacing.ts'
import { refusal, serveSids } from './sids/serve.ts'
import { TokenBuckets } from './token-buckets.ts'
import { checkAge, checkTime } from './validation/checks.ts'
import type { Quotas } from './validation/quotas.ts'

export interface SidsSyncComponents {
  readonly host: Host
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly admission: Admission
  readonly statements: StatementSource
  readonly quotas: Quotas
  readonly memory: PeerMemory
}

/** What a round of sync came to. */
export interface SyncSummary {
  /** Peers that were asked and gave all they had. */
  readonly peers: number
  /** Peers that were asked and failed. */
  readonly failed: number
  /** Statements that were missing and came. */
  readonly fetched: number
}

export class SidsSync {
  readonly #components: SidsSyncComponents
  readonly #options: NetworkOptions
  readonly #protocol: string
  readonly #stopping = new AbortController()
  readonly #asking = new Semaphore(limits.MAX_ASKED)
  /** Connected peers that speak the protocol. */
  readonly #speakers = new Set<string>()
  /** Peers that are being caught up with. */
  readonly #running = new Map<string, Promise<number>>()
  readonly #served = new Set<string>()
  readonly #servedRate: TokenBuckets
  readonly #declined: Declined
  #topology: string | undefined
  #timer: NodeJS.Timeout | undefined
  #synced = false

  constructor(components: SidsSyncComponents, options: NetworkOptions) {
    this.#components = components
    this.#options = options
    this.#protocol = `/rebuildnet/${options.network}/sids/0`
    this.#declined = new Declined(components.clock)
    this.#servedRate = new TokenBuckets(components.clock, {
      capacity: limits.SERVED_BURST,
      refillMs: limits.SERVED_REFILL_MS,
      maxNames: 1024,
    })
  }

  /** Whether some peer has given all that it has since the start. */
  get synced(): boolean {
    return this.#synced
  }

  async start(): Promise<void> {
    const { host } = this.#components
    // Two, so that a second one can be told that it is one too many.
    await host.handle(this.#protocol, (stream, connection) => this.#serve(stream, connection), {
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
    })
    this.#topology = await host.register(this.#protocol, {
      onConnect: (peer) => {
        this.#speakers.add(peer.toString())
        void this.#welcome(peer.toString())
      },
      onDisconnect: (peer) => void this.#speakers.delete(peer.toString()),
    })
    this.#timer = setInterval(() => void this.sync(), this.#options.syncIntervalMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    const { host } = this.#components
    if (this.#topology !== undefined) host.unregister(this.#topology)
    await host.unhandle(this.#protocol)
    await Promise.allSettled(this.#running.values())
  }

  /**
   * Asks a new peer at once, and again when gossip with it has settled: it takes some heartbeats
   * until a peer forwards to a new one, and what it heard in between would be missed.
   */
  async #welcome(peer: string): Promise<void> {
    const signal = this.#stopping.signal
    try {
      await this.#catchUp(peer)
      await wait(this.#options.settleMs, undefined, { signal })
      if (this.#speakers.has(peer)) await this.#catchUpAgain(peer)
    } catch (error) {
      this.#log(peer, error)
    }
  }

  /** Asks some connected peers, chosen at random, for what is missing here. */
  async sync(signal?: AbortSignal): Promise<SyncSummary> {
    signal?.throwIfAborted()
    // What was declined may be wanted now: a project more is followed, an operator more trusted.
    if (signal !== undefined) this.#declined.clear()
    const peers = this.#syncPeers().slice(0, this.#options.syncPeers)
    const results = await abortable(
      Promise.allSettled(peers.map((peer) => this.#catchUpAgain(peer))),
      signal,
    )
    let fetched = 0
    let failed = 0
    results.forEach((result, i) => {
      if (result.status === 'fulfilled') {
        fetched += result.value
      } else {
        failed++
        this.#log(peers[i] ?? '', result.reason)
      }
    })
    return { peers: results.length - failed, failed, fetched }
  }

  /** The connected peers that speak the protocol, in random order. */
  #syncPeers(): string[] {
    const found = [...this.#speakers].map((peer) => ({ peer, rank: Math.random() }))
    return found.sort((a, b) => a.rank - b.rank).map(({ peer }) => peer)
  }

  /** Exchanges with one peer until nothing is missing that it has; the number of statements that came. */
  #catchUp(peer: string): Promise<number> {
    const running = this.#running.get(peer)
    if (running !== undefined) return running
    const promise = this.#exchangeAll(peer).finally(() => this.#running.delete(peer))
    this.#running.set(peer, promise)
    return promise
  }

  /** As above, but with what is wanted now: an exchange that is under way may not know it. */
  async #catchUpAgain(peer: string): Promise<number> {
    await Promise.allSettled([this.#running.get(peer)])
    return this.#catchUp(peer)
  }

  async #exchangeAll(peer: string): Promise<number> {
    let fetched = 0
    for (let i = 0; i < limits.MAX_EXCHANGES_IN_A_ROW; i++) {
      const result = await retry(
        () => this.#asking.run(() => this.#exchange(peer)),
        (error) => this.#mayRetry(peer, error),
        this.#stopping.signal,
      )
      fetched += result.fetched
      if (!result.complete) continue
      this.#synced = true
      break
    }
    return fetched
  }

  /** Whether to try again; a liar is shut out instead. */
  #mayRetry(peer: string, error: unknown): boolean {
    const { host, memory, logger } = this.#components
    if (this.#stopping.signal.aborted) return false
    const connection = connectionTo(host, peer)
    if (connection === undefined) return false
    const code = error instanceof NetworkError ? error.code : undefined
    // Asking again would be answered the same.
    if (code === 'sync-refused') return false
    if (code !== 'sync-lie' && code !== 'sync-protocol') return true
    logger.warn(
      { peer, code, reason: (error as Error).message },
      'a peer lied in sync and is shut out',
    )
    memory.lied(peer)
    connection.abort(error as NetworkError)
    return false
  }

  async #exchange(peer: string): Promise<FetchResult> {
    const { host, crypto, statements } = this.#components
    const wants = await statements.wants()
    const result: FetchResult = { fetched: 0, complete: false }
    if (wants.images.length === 0 && wants.operators.length === 0) {
      return { fetched: 0, complete: true }
    }
    const connection = connectionTo(host, peer)
    if (connection === undefined) throw new NetworkError('dial-failed', `peer ${peer} has gone`)
    const signal = this.#stopping.signal
    const stream = await connection.newStream(this.#protocol, { signal })
    const work = (answers: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> =>
      fetchSids(
        answers,
        {
          crypto,
          wants,
          isMissing: async (sid) => !this.#declined.has(sid) && !(await statements.has(sid)),
          take: (statement, bytes) => this.#take(statement, bytes, peer),
          decline: (sid) => this.#declined.add(sid),
        },
        result,
      )
    await runExchange(stream, work, { maxBufferedBytes: limits.CLIENT_BUFFER_BYTES, signal })
    return result
  }

  /** Stores what was fetched, unless it is a stranger's and too much, or not of its time. */
  async #take(statement: SignedStatement, bytes: Uint8Array, peer: string): Promise<void> {
    const { admission, quotas } = this.#components
    const { sid, key, body } = statement
    // Dated ahead: not declined, since time heals it.
    if (checkTime(body, this.#components) !== undefined) return
    const standing = await admission.admitsSigner(key, statement)
    const refused =
      checkAge(body, standing, this.#components) !== undefined ||
      (standing === 'unknown' && !quotas.takeUnknownKey(key))
    const acceptance = refused ? 'over-quota' : await this.#accept(statement, bytes, peer)
    if (acceptance === 'over-quota' || acceptance === 'mismatch') this.#declined.add(sid)
    if (acceptance === 'read-only') {
      throw new NetworkError('sync-refused', 'sync: the own store takes nothing for now')
    }
  }

  async #accept(statement: SignedStatement, bytes: Uint8Array, peer: string): Promise<Acceptance> {
    const { admission, logger } = this.#components
    try {
      return await admission.accept(statement, bytes, { via: 'sync', peer })
    } catch (error) {
      logger.error({ err: error, sid: statement.sid }, 'sync could not store a statement')
      throw error
    }
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const { statements, logger } = this.#components
    const peer = connection.remotePeer.toString()
    const busy =
      this.#served.has(peer) ||
      this.#served.size >= limits.MAX_SERVED ||
      !this.#servedRate.take(peer)
    if (!busy) this.#served.add(peer)
    try {
      await runExchange(
        stream,
        busy
          ? refuseBusy
          : (requests) =>
              serveSids(requests, statements, (error) => {
                logger.error({ err: error }, 'sync could not read the store')
              }),
        { maxBufferedBytes: limits.SERVER_BUFFER_BYTES, signal: this.#stopping.signal },
      )
    } catch (error) {
      this.#log(peer, error)
    } finally {
      if (!busy) this.#served.delete(peer)
    }
  }

  #log(peer: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown'
    this.#components.logger.debug({ peer, reason }, 'sync with a peer failed')
  }
}

function connectionTo(host: Host, peer: string): Connection | undefined {
  return host
    .getConnections()
    .find((each) => each.status === 'open' && each.remotePeer.toString() === peer)
}

/** Waits for the request: a stream that is closed before its other end listens seems to stay open there. */
async function* refuseBusy(requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const _ of requests) {
    yield refusal('busy')
    return
  }
}

/** The caller stops waiting; what runs goes on, since others may wait for it too. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
