/**
 * Keeps the configured peers connected, for ever: libp2p gives up on a bootstrap node that is down
 * for half a minute, and a node that was started before it would never find the network.
 */
import type { Logger } from '../logger.ts'
import type { BootstrapList } from './bootstrap-list.ts'
import type { Host } from './host.ts'
import type { PeerMemory } from './peer-memory.ts'

export interface RedialerComponents {
  readonly host: Host
  readonly logger: Logger
  readonly memory: PeerMemory
  readonly bootstrap: BootstrapList
}

export class Redialer {
  readonly #components: RedialerComponents
  readonly #intervalMs: number
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(components: RedialerComponents, options: { readonly redialIntervalMs: number }) {
    this.#components = components
    this.#intervalMs = options.redialIntervalMs
  }

  start(): void {
    this.#timer = setInterval(() => void this.#redial(), this.#intervalMs)
    void this.#redial()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopping.abort()
  }

  async #redial(): Promise<void> {
    const { host, memory, bootstrap, logger } = this.#components
    const { signal } = this.#stopping
    try {
      const peers = await bootstrap.peers(signal)
      const connected = new Set(host.getPeers().map((peer) => peer.toString()))
      for (const { address, peer } of peers) {
        memory.configure(peer)
        if (connected.has(peer) || peer === host.peerId.toString()) continue
        host.dial(address, { signal }).catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : 'unknown'
          logger.debug({ peer, reason }, 'could not reach a configured peer')
        })
      }
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, 'the configured peers could not be dialled')
    }
  }
}
