/**
 * The port through which hashing and signature checks come in.
 *
 * `protocol/` is synchronous and sees no host: a Node process gives it `node:crypto`, a browser
 * the portable implementation of `portable-crypto.ts`. Both must give the same answers.
 */

/** A SHA-256 computation in progress. */
export interface Hasher {
  update(data: Uint8Array): void
  /** The 32-byte digest; the hasher cannot be used afterwards. */
  digest(): Uint8Array
  /** The same, one character (U+0000 to U+00FF) a byte: no small array for each of very many. */
  digestString?(): string
}

export interface Crypto {
  /** SHA-256 of `data`, 32 bytes. */
  sha256(data: Uint8Array): Uint8Array
  /** The same, one character a byte. */
  sha256String?(data: Uint8Array): string
  createSha256(): Hasher
  /** SHA-512 of `data`, 64 bytes: what OpenSSH hashes with before it signs. */
  sha512(data: Uint8Array): Uint8Array
  /**
   * The bare cofactorless RFC 8032 equation for an Ed25519 signature (64 bytes) over `message`.
   * Never called directly: `ed25519.ts` checks the strict profile first, since hosts disagree
   * about what lies outside of it.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /**
   * What `verifyStrict` has said of these very inputs elsewhere, such as in another thread;
   * undefined where it has not been asked. Whoever has nowhere else has no such method.
   */
  knownAnswer?(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): 'ok' | 'weak-key' | 'bad-signature' | undefined
}
