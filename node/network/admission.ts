/**
 * What the network must know of the store and of the user's trust, and what it hands them.
 *
 * Declared here, where it is used; node/node.ts implements it. Whatever comes through `accept` has
 * a verified signature and a valid schema; nothing else is promised of it.
 */
import type { KeyHex, Sid } from '../../protocol/identifiers.ts'
import type { SignedStatement, StatementKind } from '../../protocol/statement.ts'

/** Where a statement came from. */
export interface Origin {
  readonly via: 'gossip' | 'sync'
  /** Peer id of the node that sent it, which need not be the one that signed it. */
  readonly peer: string
}

/**
 * What became of a statement that was offered.
 *
 * - `stored`: it is in the store now, for ever.
 * - `duplicate`: it was there before.
 * - `mismatch`: it contradicts the release that it names (protocol codes `release-mismatch`, `input-digest-mismatch`).
 * - `over-quota`: the room for statements of unknown signers, or of this project, is used up.
 * - `read-only`: the store takes nothing for now.
 */
export type Acceptance = 'stored' | 'duplicate' | 'mismatch' | 'over-quota' | 'read-only'

export type SignerStanding = 'known' | 'unknown'

/**
 * Verifies signatures of statements ahead, off the main thread where many come at once. It never
 * rejects, and changes nothing but how long `openStatement` takes afterwards.
 */
export type Prepare = (statements: readonly Uint8Array[]) => Promise<void>

type Awaitable<T> = T | Promise<T>

export interface Admission {
  /** Whether a statement with these very bytes (their sha256 in hex) is stored. */
  isKnownMessage(messageHash: string): Awaitable<boolean>
  /** The kind of a stored statement; undefined where it is not stored. */
  kindOf(sid: Sid): Awaitable<StatementKind | undefined>
  /**
   * Known is a key on a valid card that the policy or a followed project's file names, one that
   * has voted on a followed project, or the announcer of a followed project.
   */
  admitsSigner(key: KeyHex, statement: SignedStatement): Awaitable<SignerStanding>
  /** Stores it, or says why not. Throws only where the store itself is broken. */
  accept(statement: SignedStatement, bytes: Uint8Array, origin: Origin): Promise<Acceptance>
}
