/** The operator card: which signing keys one operator has, and what it says of itself. design.md section 8. */
import type { KeyHex, OperatorId, UnixSeconds } from './identifiers.ts'

export interface OperatorCard {
  readonly kind: 'operator'
  /** Id of the operator: derived from the bytes of its card of version 1. */
  readonly operator: OperatorId
  /** 1, 2, 3… */
  readonly version: number
  readonly name: string
  readonly rootKey: { readonly type: 'ed25519'; readonly key: KeyHex }
  /** Signing keys; each has proven that it agrees to be listed. */
  readonly keys: readonly KeyHex[]
  readonly contact: string
  /** Claims about where it runs (country, provider…); nobody checks them. */
  readonly claims: Readonly<Record<string, string>>
  readonly issued: UnixSeconds
  /** At most 180 days after `issued`. */
  readonly expires: UnixSeconds
  /** sha256 of the card's bytes, lowercase hex: what a policy pins. */
  readonly cardDigest: string
}
