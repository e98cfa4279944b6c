/**
 * Trees of images, protocol `/rebuildnet/<network>/tree/1`: what differs between two images that
 * are elsewhere is fetched, not the images. Objects certify themselves, so any peer may serve them.
 *
 * Peers are asked one after the other until all is here. The format is in trees/frames.ts.
 */
import { Exchanger, isBusy, isLie, type ExchangerComponents } from './exchange/exchanger.ts'
import { shuffled } from './exchange/pacing.ts'
import type { NetworkOptions } from './options.ts'
import { fetchTrees, type TreeFetchResult, type TreeWalk } from './trees/fetch.ts'
import { encodeRefusal } from './trees/frames.ts'
import * as limits from './trees/limits.ts'
import { serveTrees, type TreeSource } from './trees/serve.ts'

export interface TreeSyncComponents extends ExchangerComponents {
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

export class TreeSync {
  readonly #components: TreeSyncComponents
  readonly #exchanger: Exchanger

  constructor(components: TreeSyncComponents, options: NetworkOptions) {
    this.#components = components
    this.#exchanger = new Exchanger(components, {
      protocol: `/rebuildnet/${options.network}/tree/1`,
      stallMs: options.treeStallMs,
      servedBurst: limits.SERVED_BURST,
      servedRefillMs: limits.SERVED_REFILL_MS,
      busy: encodeRefusal('busy'),
      mayRetry: isBusy,
    })
  }

  start(): Promise<void> {
    const { trees, logger } = this.#components
    return this.#exchanger.start({
      serve: (requests) =>
        serveTrees(requests, trees, (error) => {
          logger.error({ error: String(error) }, 'the trees could not be read')
        }),
    })
  }

  stop(): Promise<void> {
    return this.#exchanger.stop()
  }

  /** Asks connected peers for what the walk wants. Throws TreeObjectError `too-much`, and what `signal` does. */
  async walk(walk: TreeWalk, signal: AbortSignal): Promise<TreeWalkSummary> {
    const result: TreeFetchResult = { complete: false, sent: 0, received: 0 }
    const ending = AbortSignal.any([signal, this.#exchanger.stopping])
    let peers = 0
    for (const peer of shuffled(this.#exchanger.speakers).slice(0, limits.MAX_PEERS)) {
      if ((await walk.wanted()).length === 0) break
      ending.throwIfAborted()
      peers++
      await this.#askPeer(peer, walk, result, ending)
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
        const work =
          () =>
          (answers: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> =>
            fetchTrees(answers, walk, result)
        await this.#exchanger.ask(peer, work, signal)
        // The exchange changes it.
        if (result.complete as boolean) break
      }
      await walk.settle(true)
    } catch (error) {
      await walk.settle(!isLie(error))
      signal.throwIfAborted()
      if (error instanceof Error && error.name === 'TreeObjectError') throw error
      // Another peer may have what this one did not give.
      this.#exchanger.blame(peer, error)
    }
  }
}
