/**
 * Answers about signatures that other threads have worked out, until they are asked for: each for
 * these very bytes of key, message and signature, so that none can be taken for that of another.
 */
import type { SignatureAnswer } from '../../protocol/ed25519.ts'

/** What nobody asks for in the end is pushed out. */
const MAX_BYTES = 16 * 1024 * 1024
/** Messages under one signature, beside the newest. */
const MAX_OF_ONE = 3
/** Of one answer, beside the message. */
const ANSWER_BYTES = 512

interface Known {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly answer: SignatureAnswer
}

export class KnownAnswers {
  /** By signature, which may have been put under other messages as well. The oldest come first. */
  readonly #answers = new Map<string, readonly Known[]>()
  #bytes = 0

  add(key: Uint8Array, message: Uint8Array, signature: Uint8Array, answer: SignatureAnswer): void {
    if (key.length !== 32 || signature.length !== 64) return
    const name = nameOf(signature)
    this.#put(name, [...this.#without(name).slice(-MAX_OF_ONE), { key, message, answer }])
    for (const [oldest] of this.#answers) {
      if (this.#bytes <= MAX_BYTES) break
      this.#without(oldest)
    }
  }

  /** An answer is given once. */
  take(key: Uint8Array, message: Uint8Array, signature: Uint8Array): SignatureAnswer | undefined {
    if (this.#answers.size === 0 || key.length !== 32 || signature.length !== 64) return undefined
    const name = nameOf(signature)
    const all = this.#without(name)
    const found = all.find((known) => isSame(known.key, key) && isSame(known.message, message))
    if (all.length > (found === undefined ? 0 : 1)) {
      this.#put(
        name,
        all.filter((known) => known !== found),
      )
    }
    return found?.answer
  }

  #put(name: string, all: readonly Known[]): void {
    this.#answers.set(name, all)
    this.#bytes += sizeOf(all)
  }

  #without(name: string): readonly Known[] {
    const all = this.#answers.get(name) ?? []
    this.#answers.delete(name)
    this.#bytes -= sizeOf(all)
    return all
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function sizeOf(all: readonly Known[]): number {
  return all.reduce((sum, { message }) => sum + message.length + ANSWER_BYTES, 0)
}

function nameOf(signature: Uint8Array): string {
  return Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString('latin1')
}
