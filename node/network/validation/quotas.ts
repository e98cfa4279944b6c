/**
 * How much one peer may have this node verify, and how much one key may have it keep.
 *
 * A key is charged only after its signature has verified, never when it is merely claimed: else
 * anybody could use up somebody else's quota. Strangers get little, or they would use the network
 * as storage; what they said about followed projects is fetched by sync.
 */
import type { KeyHex } from '../../../protocol/identifiers.ts'
import type { StatementKind } from '../../../protocol/statement.ts'
import type { Clock } from '../../clock.ts'
import { TokenBuckets } from '../token-buckets.ts'

const DAY_MS = 24 * 3_600_000
const MAX_PEERS = 1024
const MAX_KEYS = 4096

/** Signatures a peer may have verified: a burst, as after a partition, and then 50 a second. */
const PEER_BURST = 2000
const PEER_REFILL_MS = 20
/** Statements of unknown signers that a peer may bring: one in 10 seconds. */
const UNKNOWN_PEER_BURST = 6
const UNKNOWN_PEER_REFILL_MS = 10_000
/** Statements of one unknown signer a day. */
const UNKNOWN_KEY_PER_DAY = 20
/** Statements of one known signer a day, by kind. A withdrawal counts as the result that it takes back. */
const KNOWN_KEY_PER_DAY: Readonly<Record<StatementKind, number>> = {
  release: 200,
  rebuild: 2000,
  commitment: 2000,
  withdrawal: 2000,
  operator: 10,
}
/** Heads of one key a day: one after each publication, and one every six hours. */
const HEADS_PER_DAY = 200

export class Quotas {
  readonly #peers: TokenBuckets
  readonly #unknownPeers: TokenBuckets
  readonly #unknownKeys: TokenBuckets
  readonly #knownKeys: Readonly<Record<StatementKind, TokenBuckets>>
  readonly #heads: TokenBuckets

  constructor(clock: Clock) {
    const perDay = (count: number): TokenBuckets =>
      new TokenBuckets(clock, { capacity: count, refillMs: DAY_MS / count, maxNames: MAX_KEYS })
    this.#peers = new TokenBuckets(clock, {
      capacity: PEER_BURST,
      refillMs: PEER_REFILL_MS,
      maxNames: MAX_PEERS,
    })
    this.#unknownPeers = new TokenBuckets(clock, {
      capacity: UNKNOWN_PEER_BURST,
      refillMs: UNKNOWN_PEER_REFILL_MS,
      maxNames: MAX_PEERS,
    })
    this.#unknownKeys = perDay(UNKNOWN_KEY_PER_DAY)
    this.#heads = perDay(HEADS_PER_DAY)
    this.#knownKeys = {
      release: perDay(KNOWN_KEY_PER_DAY.release),
      rebuild: perDay(KNOWN_KEY_PER_DAY.rebuild),
      commitment: perDay(KNOWN_KEY_PER_DAY.commitment),
      withdrawal: perDay(KNOWN_KEY_PER_DAY.withdrawal),
      operator: perDay(KNOWN_KEY_PER_DAY.operator),
    }
  }

  /** Charges a peer for one verification. */
  takeVerification(peer: string): boolean {
    return this.#peers.take(peer)
  }

  /** Charges a known signer for one statement. */
  takeKnown(key: KeyHex, kind: StatementKind): boolean {
    return this.#knownKeys[kind].take(key)
  }

  /** Charges the owner of a log for one head. */
  takeHead(key: KeyHex): boolean {
    return this.#heads.take(key)
  }

  /** Charges the peer that brings a stranger's statement, and the stranger. */
  takeUnknown(peer: string, key: KeyHex): boolean {
    return this.#unknownPeers.take(peer) && this.#unknownKeys.take(key)
  }

  /** Charges a stranger whose statement was asked for. */
  takeUnknownKey(key: KeyHex): boolean {
    return this.#unknownKeys.take(key)
  }
}
