/** Whoever holds a private key: `protocol/` sees no key, only what it signs. */
import type { KeyHex } from './identifiers.ts'

export interface Signer {
  readonly publicKey: KeyHex
  /** The 64-byte Ed25519 signature over `message`. */
  sign(message: Uint8Array): Uint8Array
}
