/**
 * Keeps the configured peers connected, for ever: libp2p gives up on a bootstrap node that is down
 * for half a minute, and a node that was started before it would never find the network. Dials
 * also whoever is discovered in the local network, while there is room.
 */
import type { PeerInfo } from '@libp2p/interface'
import type { Logger } from '../logger.ts'
import { parseBootstrapAddress } from './addresses.ts'
import type { Host } from './host.ts'
import { MAX_CONNECTIONS } from './limits.ts'
import type { NetworkOptions } from './options.ts'

/** Beyond this a node has peers enough, and leaves its slots to others. */
const MAX_DISCOVERED_PEERS = MAX_CONNECTIONS / 2

export interface RedialerComponents {
  readonly host: Host
  readonly logger: Logger
}

export class Redialer {
  readonly #components: RedialerComponents
  readonly #options: Pick<NetworkOptions, 'bootstrap' | 'redialIntervalMs'>
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(
    components: RedialerComponents,
    options: Pick<NetworkOptions, 'bootstrap' | 'redialIntervalMs'>,
  ) {
    this.#components = components
    this.#options = options
  }

  start(): void {
    this.#components.host.addEventListener('peer:discovery', this.#onDiscovery)
    if (this.#options.bootstrap.length === 0) return
    this.#timer = setInterval(() => this.#redial(), this.#options.redialIntervalMs)
    this.#redial()
  }

  stop(): void {
    this.#components.host.removeEventListener('peer:discovery', this.#onDiscovery)
    clearInterval(this.#timer)
    this.#stopping.abort()
  }

  #redial(): void {
    const { host } = this.#components
    const connected = new Set(host.getPeers().map((peer) => peer.toString()))
    for (const text of this.#options.bootstrap) {
      const { address, peer } = parseBootstrapAddress(text)
      if (connected.has(peer) || peer === host.peerId.toString()) continue
      this.#dial(peer, () => host.dial(address, { signal: this.#stopping.signal }))
    }
  }

  readonly #onDiscovery = (event: CustomEvent<PeerInfo>): void => {
    const { host } = this.#components
    const { id } = event.detail
    const connected = host.getPeers()
    if (connected.length >= MAX_DISCOVERED_PEERS) return
    if (connected.some((peer) => peer.equals(id))) return
    this.#dial(id.toString(), () => host.dial(id, { signal: this.#stopping.signal }))
  }

  #dial(peer: string, dial: () => Promise<unknown>): void {
    dial().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown'
      this.#components.logger.debug({ peer, reason }, 'could not reach a peer')
    })
  }
}
