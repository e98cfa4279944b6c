/**
 * The configured peers: addresses as they stand, and those that a DNS name lists in TXT records of
 * `_dnsaddr.<name>`, each `dnsaddr=<multiaddr>` (the libp2p convention). Records are looked up
 * again now and then, so that a bootstrap node may move.
 *
 * Whoever controls the name's DNS chooses the peers. `/dnsaddr/<name>/p2p/<id>` takes the address
 * alone from DNS, and the peer from the configuration.
 */
import dns from 'node:dns/promises'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { parseBootstrapAddress } from './addresses.ts'
import { BOOTSTRAP_DNS_TTL_MS, MAX_BOOTSTRAP_NAMES, MAX_BOOTSTRAP_PEERS } from './limits.ts'

export interface BootstrapPeer {
  readonly address: Multiaddr
  readonly peer: string
}

export interface BootstrapListComponents {
  readonly clock: Clock
  readonly logger: Logger
}

export class BootstrapList {
  readonly #components: BootstrapListComponents
  readonly #addresses: readonly string[]
  #resolved: readonly BootstrapPeer[] = []
  #resolvedAt: number | undefined
  /** Names that could not be looked up last time: said once, though tried at every redial. */
  readonly #failing = new Set<string>()

  constructor(components: BootstrapListComponents, addresses: readonly string[]) {
    this.#components = components
    this.#addresses = addresses
  }

  /** Names that cannot be looked up give what they gave last; throws only when aborted. */
  async peers(signal: AbortSignal): Promise<readonly BootstrapPeer[]> {
    const now = this.#components.clock.now()
    const age = this.#resolvedAt === undefined ? Infinity : Math.abs(now - this.#resolvedAt)
    if (age < BOOTSTRAP_DNS_TTL_MS && this.#resolved.length > 0) return this.#resolved
    const { peers, failed } = await this.#lookUp(signal)
    signal.throwIfAborted()
    this.#resolvedAt = now
    const known = failed ? this.#resolved : []
    const seen = new Set<string>()
    this.#resolved = [...peers, ...known]
      .filter(({ address }) => !seen.has(address.toString()) && seen.add(address.toString()))
      .slice(0, MAX_BOOTSTRAP_PEERS)
    return this.#resolved
  }

  async #lookUp(signal: AbortSignal): Promise<{ peers: BootstrapPeer[]; failed: boolean }> {
    const { logger } = this.#components
    const peers: BootstrapPeer[] = []
    const asked = new Set<string>()
    let failed = false
    // Names may list names; no name is asked twice, and no more than a few are.
    const left = this.#addresses.map((text) => ({ text, pinned: undefined as string | undefined }))
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const parsed = parse(next.text)
      const pinned = next.pinned ?? parsed?.peer
      if (parsed === undefined) {
        logger.warn({ address: next.text }, 'DNS lists what is no address of a peer')
      } else if (parsed.address !== undefined) {
        const { address, peer } = parsed
        if (pinned === peer && peers.length < MAX_BOOTSTRAP_PEERS) peers.push({ address, peer })
      } else if (!asked.has(`${parsed.name} ${pinned}`) && asked.size < MAX_BOOTSTRAP_NAMES) {
        asked.add(`${parsed.name} ${pinned}`)
        const listed = await this.#listedBy(parsed.name, signal)
        failed ||= listed === undefined
        left.push(...(listed ?? []).map((text) => ({ text, pinned })))
      }
    }
    return { peers, failed }
  }

  async #listedBy(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    try {
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      })
      const records = await Promise.race([dns.resolveTxt(`_dnsaddr.${name}`), aborted])
      this.#failing.delete(name)
      return records
        .map((pieces) => pieces.join(''))
        .filter((record) => record.startsWith('dnsaddr='))
        .map((record) => record.slice('dnsaddr='.length))
        .slice(0, MAX_BOOTSTRAP_PEERS)
    } catch (error) {
      signal.throwIfAborted()
      const reason = error instanceof Error ? error.message : 'unknown'
      if (!this.#failing.has(name)) {
        this.#components.logger.warn(
          { host: name, reason },
          'a bootstrap name could not be looked up; it is tried again',
        )
      }
      this.#failing.add(name)
      return undefined
    }
  }
}

function parse(text: string): ReturnType<typeof parseBootstrapAddress> | undefined {
  try {
    return parseBootstrapAddress(text)
  } catch {
    return undefined
  }
}
