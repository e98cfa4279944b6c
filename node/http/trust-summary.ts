/** What a node says of operators, and what it is told of whom to trust. Plain JSON. */
import type { KeyHex, OperatorId, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Revocation } from '../../protocol/revocation.ts'

export interface OperatorSummary {
  readonly id: OperatorId
  readonly name: string | null
  readonly groups: readonly string[]
  /** By the user's own policy. */
  readonly trusted: boolean
  readonly self: boolean
  /** Of the newest card that is believed. */
  readonly version: number | null
  readonly keys: readonly KeyHex[]
  readonly expires: UnixSeconds | null
  readonly contact: string | null
  readonly claims: Readonly<Record<string, string>>
  /**
   * Why it supports nothing: a proof that it told two histories, two cards of one version, or a
   * pinned one that is not here.
   */
  readonly trouble: 'two-histories' | 'two-cards' | 'pin-missing' | null
  /** Logs of its keys that it has ended. */
  readonly revocations: readonly Revocation[]
}

/** Operator cards, each base64 of a canonical binary operator statement. */
export interface Cards {
  readonly card: string
  /** Those that it follows, the oldest first: without them a later card shows nothing. */
  readonly earlier?: readonly string[]
}

export interface TrustListRequest {
  /** The text of the list (TOML), byte for byte. */
  readonly list: string
  /** Its detached signature, as `ssh-keygen -Y sign` writes it. */
  readonly signature: string
  /** Whose signature it must be, where this list was never imported: a line or a fingerprint. */
  readonly signer?: string
}

/** What importing a list would change. */
export interface TrustListPreview {
  readonly name: string
  readonly serial: number
  /** Who signed it: the fingerprint of the key. */
  readonly signer: string
  /** Whether an earlier list of this name was taken from this signer, or the caller named it. */
  readonly known: boolean
  readonly changes: readonly {
    readonly kind: 'added' | 'changed' | 'removed'
    readonly id: OperatorId
    readonly name: string | null
    readonly groups: readonly string[]
    /** What the policy says now, of one that changes. */
    readonly before: { readonly name: string | null; readonly groups: readonly string[] } | null
  }[]
  /** To be given back with the import: nothing else than what was shown is done. */
  readonly token: string
}

export interface TrustRequest {
  /** A card (base64 of a canonical binary operator statement) or an operator id. */
  readonly card?: string
  /** The cards that it follows, the oldest first. */
  readonly earlier?: readonly string[]
  readonly operator?: OperatorId
  readonly name?: string
  readonly groups?: readonly string[]
  /** Whether the policy names this very card: needed where there are two of one version. */
  readonly pin?: boolean
}
