/**
 * Answers about signatures that other threads have worked out, until they are asked for: each by
 * the hash of key, signature and message, so that none can be taken for that of another.
 */
import { hash } from 'node:crypto'
import type { SignatureAnswer } from '../../protocol/ed25519.ts'

/** What nobody asks for in the end is pushed out. */
const MAX_ANSWERS = 4096

export class KnownAnswers {
  readonly #answers = new Map<string, SignatureAnswer>()

  add(key: Uint8Array, message: Uint8Array, signature: Uint8Array, answer: SignatureAnswer): void {
    if (key.length !== 32 || signature.length !== 64) return
    this.#answers.set(nameOf(key, message, signature), answer)
    const [oldest] = this.#answers.keys()
    if (oldest !== undefined && this.#answers.size > MAX_ANSWERS) this.#answers.delete(oldest)
  }

  /** An answer is given once. */
  take(key: Uint8Array, message: Uint8Array, signature: Uint8Array): SignatureAnswer | undefined {
    if (this.#answers.size === 0 || key.length !== 32 || signature.length !== 64) return undefined
    const name = nameOf(key, message, signature)
    const answer = this.#answers.get(name)
    this.#answers.delete(name)
    return answer
  }
}

/** Key and signature are of fixed length, so nothing else gives the same bytes. */
function nameOf(key: Uint8Array, message: Uint8Array, signature: Uint8Array): string {
  return hash('sha256', Buffer.concat([key, signature, message]), 'base64')
}
