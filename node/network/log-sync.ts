/**
 * Sync of logs, protocol `/rebuildnet/<network>/sync/1`. Gossip is quick; this is what delivers, and
 * what shows how fresh each log is.
 *
 * Each new peer is asked at once; some peers of different networks at every interval, and sooner while
 * something is missing; and whoever brought a head whose leaves are not here. What is said is in
 * protocol/sync, when and with whom is here.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Crypto } from '../../protocol/crypto.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import { CARD_TAG } from '../../protocol/log/leaf.ts'
import { syncClient, type SyncResult } from '../../protocol/sync/client.ts'
import { refusal } from '../../protocol/sync/server.ts'
import type { OpenedStatement } from '../../protocol/sync/steps.ts'
import { unixSeconds } from '../clock.ts'
import type { Admission, Prepare } from './admission.ts'
import { Exchanger, isLie, type ExchangerComponents } from './exchange/exchanger.ts'
import { shuffled } from './exchange/pacing.ts'
import type { Work } from './exchange/run-exchange.ts'
import { NetworkError } from './network-error.ts'
import type { NetworkOptions } from './options.ts'
import { spreadOverNetworks } from './sync/choose-peers.ts'
import { Declined } from './sync/declined.ts'
import { Gaps } from './sync/gaps.ts'
import type { Heads } from './sync/heads.ts'
import * as limits from './sync/limits.ts'
import { fetchFrames, serveFrames } from './sync/run-steps.ts'
import type { SyncStore } from './sync/sync-store.ts'

export interface LogSyncComponents extends ExchangerComponents {
  readonly crypto: Crypto
  readonly admission: Admission
  readonly prepare: Prepare
  readonly logs: SyncStore
  readonly heads: Heads
  /** Tells everybody of a proof that was found. */
  readonly publishProof: (proof: EquivocationProof) => Promise<void>
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

export class LogSync {
  readonly #components: LogSyncComponents
  readonly #options: NetworkOptions
  readonly #exchanger: Exchanger
  readonly #declined: Declined
  readonly #gaps: Gaps
  readonly #coming = new Set<Sid>()
  /** Peers that were not asked for what another exchange had asked for. */
  readonly #shared = new Set<string>()
  /** Peers that are being caught up with. */
  readonly #running = new Map<string, Promise<number>>()
  #timer: NodeJS.Timeout | undefined
  #pause = limits.INCOMPLETE_MS
  #synced = false

  constructor(components: LogSyncComponents, options: NetworkOptions) {
    this.#components = components
    this.#options = options
    this.#declined = new Declined(components.clock, components.heads.book.book)
    this.#exchanger = new Exchanger(components, {
      protocol: `/rebuildnet/${options.network}/sync/1`,
      stallMs: options.syncStallMs,
      servedBurst: limits.SERVED_BURST,
      servedRefillMs: limits.SERVED_REFILL_MS,
      busy: refusal('busy'),
      mayRetry,
    })
    this.#gaps = new Gaps(options.gapDelayMs, (peer, heads) => void this.#fill(peer, heads))
  }

  /** Whether some peer has given all that it has since the start. */
  get synced(): boolean {
    return this.#synced
  }

  async start(): Promise<void> {
    const { crypto, heads, logs, logger, publishProof } = this.#components
    heads.connect({
      gap: (head, peer) => this.#gaps.add(head, peer),
      proven: (proof) => {
        void publishProof(proof).catch((error: unknown) => this.#log(error, 'proof'))
      },
    })
    await this.#exchanger.start({
      serve: (requests) =>
        serveFrames(requests, {
          crypto,
          book: heads.book,
          store: logs,
          onFailure: (error) => logger.error({ err: error }, 'sync could not read the store'),
        }),
      onSpeaker: (peer) => void this.#welcome(peer),
    })
    this.#schedule()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#gaps.stop()
    await this.#exchanger.stop()
    await Promise.allSettled(this.#running.values())
  }

  /** Asks some connected peers for what is missing here. */
  async sync(signal?: AbortSignal): Promise<SyncSummary> {
    signal?.throwIfAborted()
    // What was declined may be wanted now: a project more is followed, an operator more trusted.
    if (signal !== undefined) this.#declined.clear()
    const peers = spreadOverNetworks(
      shuffled(this.#exchanger.speakers),
      (peer) => this.#exchanger.addressOf(peer),
      this.#options.syncPeers,
    )
    const results = await abortable(this.#askAll(peers), signal)
    results.forEach((result, i) => {
      if (result.status === 'rejected') this.#exchanger.blame(peers[i] ?? '', result.reason)
    })
    const fetched = results.flatMap((r) => (r.status === 'fulfilled' ? r.value : []))
    return {
      peers: fetched.length,
      failed: results.length - fetched.length,
      fetched: fetched.reduce((sum, count) => sum + count, 0),
    }
  }

  /** Asks all at once, and after that once more whom was not asked for what another one had not. */
  async #askAll(peers: readonly string[]): Promise<PromiseSettledResult<number>[]> {
    const results = await Promise.allSettled(peers.map((peer) => this.#catchUpAgain(peer)))
    for (const [i, result] of results.entries()) {
      if (result.status === 'rejected') continue
      const [more] = await Promise.allSettled([this.#askForShared(peers[i] ?? '')])
      results[i] =
        more.status === 'rejected' ? more : { ...result, value: result.value + more.value }
    }
    return results
  }

  async #askForShared(peer: string): Promise<number> {
    const isOpen = this.#shared.delete(peer) && !this.#isComplete()
    return isOpen ? this.#catchUpAgain(peer) : 0
  }

  /** The next round: at the interval, or sooner while something that is listed is missing here. */
  #schedule(): void {
    const { syncIntervalMs } = this.#options
    const complete = this.#isComplete()
    const pause = complete ? syncIntervalMs : Math.min(syncIntervalMs, this.#pause)
    this.#pause = complete ? limits.INCOMPLETE_MS : this.#pause * 2
    this.#timer = setTimeout(() => {
      void this.sync()
        .catch((error: unknown) => this.#log(error, 'round'))
        .finally(() => {
          if (!this.#exchanger.stopping.aborted) this.#schedule()
        })
    }, pause)
  }

  #isComplete(): boolean {
    const { heads, logs } = this.#components
    const query = logs.query()
    const tags = new Set([CARD_TAG, ...query.tags])
    return heads.book.rows(query).every(({ origin }) => {
      const [missing] = heads.book.wantedBodies(origin, tags)
      return missing === undefined
    })
  }

  /**
   * Asks a new peer at once, and again when gossip with it has settled: it takes some heartbeats
   * until a peer forwards to a new one, and what it heard in between would be missed.
   */
  async #welcome(peer: string): Promise<void> {
    const { stopping, speakers } = this.#exchanger
    try {
      await this.#catchUp(peer)
      if (this.#shared.has(peer)) {
        await Promise.allSettled(this.#running.values())
        await this.#askForShared(peer)
      }
      await wait(this.#options.settleMs, undefined, { signal: stopping })
      if (speakers.has(peer)) await this.#catchUpAgain(peer)
    } catch (error) {
      this.#exchanger.blame(peer, error)
    }
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
      const result = await this.#exchange(peer, [])
      fetched += result.statements
      if (result.shared === true) this.#shared.add(peer)
      if (result.complete) {
        this.#synced = true
        break
      }
      // A peer that only takes time is not asked again before the next round.
      if (result.statements + result.heads === 0) break
    }
    return fetched
  }

  /** Fills gaps; where the peer has not what it takes, a round with others may bring it. */
  async #fill(peer: string, heads: readonly Head[]): Promise<void> {
    const { book } = this.#components.heads
    try {
      await this.#exchange(peer, heads)
    } catch (error) {
      this.#exchanger.blame(peer, error)
    }
    const isOpen = heads.some(({ origin, size }) => (book.row(origin)?.size ?? 0) < size)
    if (!isOpen || this.#exchanger.stopping.aborted) return
    await this.sync().catch((error: unknown) => this.#log(error, 'round'))
  }

  async #exchange(peer: string, gaps: readonly Head[]): Promise<SyncResult> {
    const { crypto, clock, logs, heads, prepare, publishProof } = this.#components
    const result: SyncResult = { heads: 0, statements: 0, complete: false }
    this.#declined.forgetOld()
    const client = {
      crypto,
      book: heads.book,
      wishes: logs,
      now: () => unixSeconds(clock),
      decline: (sid: Sid) => this.#declined.add(sid),
      coming: this.#coming,
    }
    const work = (): Work => (answers) =>
      fetchFrames(answers, syncClient(client, result, gaps), {
        crypto,
        store: logs,
        prepare,
        take: (statement) => this.#take(statement, peer),
        proven: publishProof,
      })
    await this.#exchanger.ask(peer, work, this.#exchanger.stopping)
    return result
  }

  /** Stores what stands in a log that is kept: no quota, since its owner could not hide it again. */
  async #take(opened: OpenedStatement, peer: string): Promise<void> {
    const { admission, logger } = this.#components
    const { statement, bytes } = opened
    const { sid } = statement
    try {
      const acceptance = await admission.accept(statement, bytes, { via: 'sync', peer })
      if (acceptance === 'over-quota' || acceptance === 'mismatch') this.#declined.refused(opened)
      if (acceptance !== 'read-only') return
    } catch (error) {
      logger.error({ err: error, sid }, 'sync could not store a statement')
      throw error
    }
    throw new NetworkError('sync-refused', 'sync: the own store takes nothing for now')
  }

  #log(error: unknown, what: string): void {
    const reason = error instanceof Error ? error.message : 'unknown'
    this.#components.logger.debug({ what, reason }, 'sync failed')
  }
}

/** Streams break for many reasons; what would be answered the same is not asked again. */
function mayRetry(error: unknown): boolean {
  const code = error instanceof NetworkError ? error.code : undefined
  return !isLie(error) && code !== 'sync-refused' && code !== 'sync-stalled' && code !== 'stopped'
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
