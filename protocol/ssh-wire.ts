/**
 * The wire encoding of SSH (RFC 4251, section 5), as far as keys and signatures of Ed25519 need it.
 *
 * A reader takes every byte or the whole is refused: what one program skips, another may act on.
 */
import { concat, decodeUtf8, utf8 } from './bytes.ts'

/** Bytes that are not what SSH would have written; goes no further than `readSsh`. */
class SshFormatError extends Error {}

/** What `read` makes of all of `bytes`, or undefined where they are anything else. */
export function readSsh<T>(
  bytes: Uint8Array,
  read: (reader: SshReader) => T | undefined,
): T | undefined {
  const reader = new SshReader(bytes)
  try {
    const value = read(reader)
    reader.end()
    return value
  } catch (error) {
    if (error instanceof SshFormatError) return undefined
    throw error
  }
}

export class SshReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Bytes without a length before them. */
  bytes(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new SshFormatError('ends too early')
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return taken
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0
  }

  uint32(): number {
    return this.bytes(4).reduce((number, byte) => number * 256 + byte, 0)
  }

  /** Bytes after their length. */
  string(): Uint8Array {
    return this.bytes(this.uint32())
  }

  text(): string {
    const text = decodeUtf8(this.string())
    if (text === undefined) throw new SshFormatError('has a name that is not UTF-8')
    return text
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new SshFormatError('has bytes after its end')
  }
}

export function sshUint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}

/** Bytes, or a text as UTF-8, after their length. */
export function sshString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? utf8(value) : value
  return concat(sshUint32(bytes.length), bytes)
}
