/**
 * Trees of images, protocol `/rebuildnet/<network>/tree/1`: what differs between two images that
 * are elsewhere is fetched, not the images. Objects certify themselves, so any peer may serve them.
 *
 * Peers are asked one after the other until all is here. One that lies is shut out, as in sids
 * sync; one that stalls is disconnected. The format is in trees/frames.ts.
 */
import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Host } from './host.ts'
import { NetworkError } from './network-error.ts'
import type { NetworkOptions } from './options.ts'
import type { PeerMemory } from './peer-memory.ts'
import { runExchange } from './sids/exchange.ts'
import { CLIENT_BUFFER_BYTES, SERVER_BUFFER_BYTES } from './sids/limits.ts'
import { retry, Semaphore } from './sids/pacing.ts'
import { TokenBuckets } from './token-buckets.ts'
import { fetchTrees, type TreeFetchResult, type TreeWalk } from './trees/fetch.ts'
import { encodeRefusal } from './trees/frames.ts'
import * as limits from './trees/limits.ts'
import { serveTrees, type TreeSource } from './trees/serve.ts'

export interface TreeSyncComponents {
  readonly host: Host
  readonly clock: Clock
  readonly logger: Logger
  readonly memory: PeerMemory
  readonly trees: TreeSource
}

/** What a walk over the network came to. */
export interface TreeWalkSummary {
  /** Whether all that was wanted came. */
  readonly complete: boolean
  /** Peers that were asked. */
  readonly peers: number
  /** Bytes of requests and of answers. */
  readonly sent: number
  readonly received: number
}

const LIES: ReadonlySet<string> = new Set(['sync-lie', 'sync-protocol', 'sync-flood'])

export class TreeSync {
  readonly #components: TreeSyncComponents
  readonly #protocol: string
  readonly #stallMs: number
  readonly #stopping = new AbortController()
  readonly #asking = new Semaphore(limits.MAX_ASKED)
  readonly #speakers = new Set<string>()
  readonly #served = new Set<string>()
  readonly #servedRate: TokenBuckets
  #topology: string | undefined

  constructor(components: TreeSyncComponents, options: NetworkOptions) {
    this.#components = components
    this.#protocol = `/rebuildnet/${options.network}/tree/1`
    this.#stallMs = options.treeStallMs
    this.#servedRate = new TokenBuckets(components.clock, {
      capacity: limits.SERVED_BURST,
      refillMs: limits.SERVED_REFILL_MS,
      maxNames: 1024,
    })
  }

  async start(): Promise<void> {
    const { host } = this.#components
    // Two, so that a second one can be told that it is one too many.
    await host.handle(this.#protocol, (stream, connection) => this.#serve(stream, connection), {
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
    })
    this.#topology = await host.register(this.#protocol, {
      onConnect: (peer) => void this.#speakers.add(peer.toString()),
      onDisconnect: (peer) => void this.#speakers.delete(peer.toString()),
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    const { host } = this.#components
    if (this.#topology !== undefined) host.unregister(this.#topology)
    await host.unhandle(this.#protocol)
  }

  /** Asks connected peers for what the walk wants. Throws TreeObjectError `too-much`, and what `signal` does. */
  async walk(walk: TreeWalk, signal: AbortSignal): Promise<TreeWalkSummary> {
    const result: TreeFetchResult = { complete: false, sent: 0, received: 0 }
    const stopping = AbortSignal.any([signal, this.#stopping.signal])
    let peers = 0
    for (const peer of shuffled(this.#speakers).slice(0, limits.MAX_PEERS)) {
      if ((await walk.wanted()).length === 0) break
      stopping.throwIfAborted()
      peers++
      await this.#askPeer(peer, walk, result, stopping)
    }
    const complete = (await walk.wanted()).length === 0
    return { complete, peers, sent: result.sent, received: result.received }
  }

  async #askPeer(
    peer: string,
    walk: TreeWalk,
    result: TreeFetchResult,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      for (let i = 0; i < limits.MAX_EXCHANGES_IN_A_ROW; i++) {
        result.complete = false
        await retry(
          () => this.#asking.run(() => this.#exchange(peer, walk, result, signal)),
          (error) => error instanceof NetworkError && error.code === 'sync-busy',
          signal,
        )
        // `exchange` changes it.
        if (result.complete as boolean) break
      }
      await walk.settle(true)
    } catch (error) {
      await walk.settle(!isLie(error))
      signal.throwIfAborted()
      if (error instanceof Error && error.name === 'TreeObjectError') throw error
      this.#blame(peer, error)
    }
  }

  async #exchange(
    peer: string,
    walk: TreeWalk,
    result: TreeFetchResult,
    signal: AbortSignal,
  ): Promise<void> {
    const connection = connectionTo(this.#components.host, peer)
    if (connection === undefined) throw new NetworkError('dial-failed', `peer ${peer} has gone`)
    const stream = await connection.newStream(this.#protocol, { signal })
    await runExchange(stream, (answers) => fetchTrees(answers, walk, result), {
      maxBufferedBytes: CLIENT_BUFFER_BYTES,
      stallMs: this.#stallMs,
      signal,
    })
  }

  /** Another peer may have what this one did not give; whoever broke the rules is dropped. */
  #blame(peer: string, error: unknown): void {
    const { host, memory, logger } = this.#components
    const code = error instanceof NetworkError ? error.code : undefined
    const reason = error instanceof Error ? error.message : 'unknown'
    if (!isLie(error) && code !== 'sync-stalled') {
      logger.debug({ peer, reason }, 'a peer gave no trees')
      return
    }
    logger.warn(
      { peer, code, reason },
      'a peer broke the rules of the tree protocol and is dropped',
    )
    // Slowness is no proof of ill will: it costs the connection only.
    if (isLie(error)) memory.lied(peer)
    connectionTo(host, peer)?.abort(error as NetworkError)
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const { trees, logger } = this.#components
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
              serveTrees(requests, trees, (error) => {
                logger.error({ error: String(error) }, 'the trees could not be read')
              }),
        {
          maxBufferedBytes: SERVER_BUFFER_BYTES,
          stallMs: this.#stallMs,
          signal: this.#stopping.signal,
        },
      )
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      logger.debug({ peer, reason }, 'an exchange of trees failed')
    } finally {
      if (!busy) this.#served.delete(peer)
    }
  }
}

function isLie(error: unknown): boolean {
  return error instanceof NetworkError && LIES.has(error.code)
}

function connectionTo(host: Host, peer: string): Connection | undefined {
  return host
    .getConnections()
    .find((each) => each.status === 'open' && each.remotePeer.toString() === peer)
}

/** Waits for the request: a stream that is closed before its other end listens seems to stay open there. */
async function* refuseBusy(requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const _ of requests) {
    yield encodeRefusal('busy')
    return
  }
}

function shuffled(peers: Iterable<string>): string[] {
  const ranked = [...peers].map((peer) => ({ peer, rank: Math.random() }))
  return ranked.sort((a, b) => a.rank - b.rank).map(({ peer }) => peer)
}
