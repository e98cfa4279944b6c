/**
 * gzip, inflated by a program of the system (`igzip`, `pigz`), which is fast and not trusted.
 *
 * Programs are laxer than the profile: they ignore what follows the last member, skip zeros between
 * members, or do not check a later member's header. So what comes out counts only if
 *  - the blob begins with a plain header and with a member that zlib, too, finds content in;
 *  - the last four bytes of the blob are the length of all that came out, under 4 GiB. The program
 *    checks that they are the length of the last member, and the first is not empty, so the blob
 *    is one member;
 *  - a member that we write after the blob comes out at the end, with content that nobody could
 *    know: the first member ended exactly where the blob ends;
 *  - and the whole hashes to the diffID of the config, which layer-pass.ts checks.
 * Anything else is an OutsideError, and the layer is read again by the built-in decoder, which
 * alone says what is wrong with it.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { constants, gzipSync, inflateRawSync } from 'node:zlib'
import type { LayerDecoder } from './layer-decoder.ts'
import { release, type Sink } from './zlib-pump.ts'

const MARK_BYTES = 32
const GATHER_BYTES = 256 * 1024
const PROBE_BYTES = 4096
const LENGTH_BYTES = 4
const GZIP_HEADER_BYTES = 10
const GZIP_FLAGS_AT = 3
const GZIP_TIME_AT = 4
/** A file name follows the header; of the other flags `gzip` and the builders write none. */
const GZIP_NAME_FLAG = 8

class OutsideError extends Error {
  override readonly name = 'OutsideError'
}

export class OutsideDecoder implements LayerDecoder {
  readonly #sink: Sink
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #mark = randomBytes(MARK_BYTES)
  readonly #exit: Promise<number | null>
  readonly #read: Promise<void>
  #probed = false
  #failure: Error | undefined
  /** The last bytes of the blob so far. */
  #tail: Buffer = Buffer.alloc(0)
  /** What has come out and may be the mark: the last bytes are held back. */
  #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES)
  #held = 0
  #length = 0

  /** `program`: the path of something that reads gzip from its input, given `-dc`. */
  constructor(program: string, sink: Sink) {
    this.#sink = sink
    this.#child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
    this.#exit = new Promise((resolve) => {
      this.#child.on('error', () => resolve(null))
      this.#child.on('close', resolve)
    })
    // It may end before it has read everything; its exit code tells.
    this.#child.stdin.on('error', () => undefined)
    this.#read = this.#readAll()
    this.#read.catch((error: unknown) => {
      this.#failure ??= error as Error
      this.destroy()
    })
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#probed) this.#probe(chunk)
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-LENGTH_BYTES)]).subarray(-LENGTH_BYTES)
    await this.#send(chunk)
  }

  async end(): Promise<void> {
    const mark = gzipSync(this.#mark)
    // Its time is of no meaning, and makes the header as hard to foretell as the content.
    randomBytes(4).copy(mark, GZIP_TIME_AT)
    await this.#send(mark)
    this.#child.stdin.end()
    await this.#read
    if (this.#failure !== undefined) throw this.#failure
    const code = await this.#exit
    if (code !== 0) throw new OutsideError(`the inflater ended with ${code ?? 'an error'}`)
    const last = this.#gathered.subarray(Math.max(0, this.#held - MARK_BYTES), this.#held)
    if (!last.equals(this.#mark)) throw new OutsideError('bytes follow the first member')
    this.#flush(this.#held - MARK_BYTES)
    const stored = this.#tail.length < LENGTH_BYTES ? -1 : this.#tail.readUInt32LE(0)
    if (stored !== this.#length) throw new OutsideError('the blob is not one member')
  }

  destroy(): void {
    this.#child.stdin.destroy()
    this.#child.stdout.destroy()
    this.#child.kill('SIGKILL')
  }

  /** Throws unless the blob begins with a plain header, and with content that zlib takes. */
  #probe(chunk: Uint8Array): void {
    this.#probed = true
    const start = Buffer.from(chunk.subarray(0, PROBE_BYTES))
    const [method = 0, flags = 0] = start.subarray(GZIP_FLAGS_AT - 1)
    if (method !== 8 || (flags & ~GZIP_NAME_FLAG) !== 0) {
      throw new OutsideError('the header is not a plain one')
    }
    const named = flags === GZIP_NAME_FLAG
    const body = named ? start.indexOf(0, GZIP_HEADER_BYTES) + 1 : GZIP_HEADER_BYTES
    if (body < GZIP_HEADER_BYTES || body >= start.length) {
      throw new OutsideError('the first piece of the blob ends within its header')
    }
    const content = inflateRawSync(start.subarray(body), { finishFlush: constants.Z_SYNC_FLUSH })
    if (content.length === 0) throw new OutsideError('the blob begins with nothing')
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const { stdin } = this.#child
    // Not until it has been written: the caller uses the buffer again.
    await new Promise<void>((resolve) => {
      stdin.write(bytes, () => resolve())
    })
  }

  #readAll(): Promise<void> {
    const { stdout } = this.#child
    return new Promise((resolve, reject) => {
      stdout.on('data', (chunk: Buffer) => {
        try {
          this.#gather(chunk)
          if (chunk.byteOffset === 0) release(chunk)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
      stdout.on('error', reject)
      stdout.on('close', resolve)
    })
  }

  #gather(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#held === GATHER_BYTES) this.#flush(GATHER_BYTES - MARK_BYTES)
      const count = Math.min(GATHER_BYTES - this.#held, chunk.length - at)
      chunk.copy(this.#gathered, this.#held, at, at + count)
      this.#held += count
      at += count
    }
  }

  /** Gives the first `count` gathered bytes to the sink, and keeps the rest. */
  #flush(count: number): void {
    this.#length += count
    this.#sink(this.#gathered.subarray(0, count))
    this.#gathered.copyWithin(0, count, this.#held)
    this.#held -= count
  }
}
