/**
 * The log of one build: a file of bounded size, and its sha256.
 *
 * Beyond the limit the beginning and the end are kept, since that is where a build says what it
 * does and why it failed, and a line between them says how much is missing.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

const TAIL_BYTES = 64 * 1024
const SHOWN_TAIL_CHARACTERS = 4096

/** A log is shown on terminals: what they would obey is taken out, but for newlines and tabs. */
export function printable(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replaceAll(
    /(?![\n\t])\p{Cc}/gu,
    '',
  )
}

export class BuildLog {
  readonly #file: number
  readonly #hash: Hash = createHash('sha256')
  readonly #headBytes: number
  #written = 0
  #dropped = 0
  /** How many bytes past the head have come and not been dropped. */
  #pending = 0
  #tail: Buffer[] = []
  #tailLength = 0
  #failure: Error | undefined
  #digest: string | undefined

  /** Creates `path`, or empties it. At most about `maxBytes` are written to it. */
  constructor(path: string, maxBytes: number) {
    this.#headBytes = Math.max(0, maxBytes - TAIL_BYTES)
    this.#file = openSync(path, 'w', 0o600)
  }

  /** True once output has been left out of the file. */
  get truncated(): boolean {
    return this.#dropped > 0
  }

  /** The error that stopped the file from being written, such as ENOSPC. */
  get failure(): Error | undefined {
    return this.#failure
  }

  write(chunk: Uint8Array): void {
    const room = Math.max(0, this.#headBytes - this.#written)
    const head = chunk.subarray(0, room)
    this.#put(head)
    this.#written += head.length
    this.#keep(Buffer.from(chunk), chunk.length - head.length)
  }

  note(line: string): void {
    this.write(Buffer.from(`[rebuildnet] ${line}\n`))
  }

  /** The last of what was written, for a message; without control characters. */
  tail(): string {
    return printable(Buffer.concat(this.#tail).toString('utf8')).slice(-SHOWN_TAIL_CHARACTERS)
  }

  /** Writes what is still held, closes the file, and returns the `sha256:` digest of its bytes. */
  close(): string {
    if (this.#digest !== undefined) return this.#digest
    const beyond = this.#overflow()
    this.#dropped += this.#pending - beyond.length
    if (beyond.length > 0) {
      if (this.#dropped > 0) {
        const at = this.#written > 0 ? '\n' : ''
        this.#put(
          Buffer.from(`${at}[rebuildnet] output cut here: ${this.#dropped} bytes left out\n`),
        )
      }
      this.#put(beyond)
    }
    closeSync(this.#file)
    this.#digest = `sha256:${this.#hash.digest('hex')}`
    return this.#digest
  }

  /** The end of what the head does not hold. */
  #overflow(): Buffer {
    const tail = Buffer.concat(this.#tail)
    return tail.subarray(tail.length - Math.min(this.#pending, TAIL_BYTES))
  }

  #keep(chunk: Buffer, pastHead: number): void {
    this.#pending += pastHead
    this.#tail.push(chunk)
    this.#tailLength += chunk.length
    while (this.#tailLength - (this.#tail[0]?.length ?? 0) >= TAIL_BYTES) {
      this.#tailLength -= this.#tail.shift()?.length ?? 0
    }
    if (this.#pending > this.#tailLength) {
      this.#dropped += this.#pending - this.#tailLength
      this.#pending = this.#tailLength
    }
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#failure !== undefined) return
    try {
      let offset = 0
      while (offset < bytes.length) {
        const count = writeSync(this.#file, bytes, offset)
        this.#hash.update(bytes.subarray(offset, offset + count))
        offset += count
      }
    } catch (cause) {
      // A full disk must not stop the node from reading the child's output to its end.
      this.#failure = cause as Error
    }
  }
}
