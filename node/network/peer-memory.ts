/**
 * What is known of peers beyond one connection: who is configured, and who misbehaved.
 *
 * gossipsub forgets a peer's score when it connects again, so a hostile peer would only have to
 * hang up after each invalid message. Here its misdeeds are counted and outlive the connection;
 * they fade to a tenth in 6 hours.
 */
import type { Clock } from '../clock.ts'
import { MAX_REMEMBERED_PEERS, MISBEHAVIOUR_DECAY_MS } from './limits.ts'
import { CONFIGURED_PEER_SCORE, GRAYLIST_THRESHOLD, INVALID_MESSAGE_PENALTY } from './scores.ts'

/** What a peer pays for a proven lie in sync: as much as for two invalid messages. */
const LIE_PENALTY = 4 * INVALID_MESSAGE_PENALTY

interface Misdeeds {
  /** Positive; what was left of it at `since`. */
  penalty: number
  since: number
  /** Invalid messages over the present connection; gossipsub itself still counts these. */
  invalid: number
}

export class PeerMemory {
  readonly #clock: Clock
  readonly #configured: Set<string>
  /** In the order of the last misdeed. */
  readonly #misdeeds = new Map<string, Misdeeds>()

  constructor(clock: Clock, configured: Iterable<string>) {
    this.#clock = clock
    this.#configured = new Set(configured)
  }

  /** One more configured peer, such as a DNS name lists. */
  configure(peer: string): void {
    this.#configured.add(peer)
  }

  isConfigured(peer: string): boolean {
    return this.#configured.has(peer)
  }

  /** What is added to the score that gossipsub itself gives a peer. */
  score(peer: string): number {
    return (this.isConfigured(peer) ? CONFIGURED_PEER_SCORE : 0) - this.#penalty(peer)
  }

  /** True while nothing that the peer sends would be read: then there is no use in a connection. */
  isBanned(peer: string): boolean {
    return this.score(peer) < GRAYLIST_THRESHOLD
  }

  sentInvalid(peer: string): void {
    this.#remember(peer).invalid++
  }

  lied(peer: string): void {
    this.#remember(peer).penalty += LIE_PENALTY
  }

  /** Takes over what gossipsub is about to forget. */
  disconnected(peer: string): void {
    const misdeeds = this.#misdeeds.get(peer)
    if (misdeeds === undefined || misdeeds.invalid === 0) return
    const { invalid } = misdeeds
    const kept = this.#remember(peer)
    kept.penalty += INVALID_MESSAGE_PENALTY * invalid * invalid
    kept.invalid = 0
  }

  #penalty(peer: string): number {
    const misdeeds = this.#misdeeds.get(peer)
    if (misdeeds === undefined) return 0
    const passed = Math.max(0, this.#clock.now() - misdeeds.since)
    return misdeeds.penalty * 0.1 ** (passed / MISBEHAVIOUR_DECAY_MS)
  }

  #remember(peer: string): Misdeeds {
    const misdeeds = {
      penalty: this.#penalty(peer),
      since: this.#clock.now(),
      invalid: this.#misdeeds.get(peer)?.invalid ?? 0,
    }
    this.#misdeeds.delete(peer)
    this.#misdeeds.set(peer, misdeeds)
    if (this.#misdeeds.size > MAX_REMEMBERED_PEERS) {
      const [oldest] = this.#misdeeds.keys()
      if (oldest !== undefined) this.#misdeeds.delete(oldest)
    }
    return misdeeds
  }
}
