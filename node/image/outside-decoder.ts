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
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, constants as files, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { constants, gzipSync, inflateRawSync } from 'node:zlib'
import type { PipeEnd } from './held-back.ts'
import type { LayerDecoder } from './layer-decoder.ts'

/** What the reader of the output holds back. */
export const MARK_BYTES = 32
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

/** Reads the output to its end, on another thread, so that it is not waited for here; and closes it. */
type ReadOutput = (pipe: number, heldBack: number) => Promise<PipeEnd>

export class OutsideDecoder implements LayerDecoder {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #mark = randomBytes(MARK_BYTES)
  readonly #exit: Promise<number | null>
  #failure: Error | undefined
  readonly #read: Promise<PipeEnd>
  #probed = false
  /** The last bytes of the blob so far. */
  #tail: Buffer = Buffer.alloc(0)

  /**
   * `program`: the path of something that reads gzip from its input, given `-dc`. Throws where this
   * system has no named pipes.
   */
  constructor(program: string, readOutput: ReadOutput) {
    const pipe = openPipe()
    try {
      this.#child = spawn(program, ['-dc'], { stdio: ['pipe', pipe.writing, 'ignore'], env: {} })
    } finally {
      // The reader sees the end as soon as the program has ended.
      closeSync(pipe.writing)
    }
    this.#read = readOutput(pipe.reading, MARK_BYTES)
    this.#read.catch((error: unknown) => {
      this.#failure ??= error as Error
      this.destroy()
    })
    this.#input = this.#child.stdin as Writable
    this.#exit = new Promise((resolve) => {
      this.#child.on('error', () => resolve(null))
      this.#child.on('close', resolve)
    })
    // It may end before it has read everything; its exit code tells.
    this.#input.on('error', () => undefined)
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
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
    this.#input.end()
    const { length, tail } = await this.#read
    const code = await this.#exit
    if (code !== 0) throw new OutsideError(`the inflater ended with ${code ?? 'an error'}`)
    if (!this.#mark.equals(tail)) throw new OutsideError('bytes follow the first member')
    const stored = this.#tail.length < LENGTH_BYTES ? -1 : this.#tail.readUInt32LE(0)
    if (stored !== length - MARK_BYTES) throw new OutsideError('the blob is not one member')
  }

  destroy(): void {
    this.#input.destroy()
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
    // Not until it has been written: the caller uses the buffer again.
    await new Promise<void>((resolve) => {
      this.#input.write(bytes, () => resolve())
    })
  }
}

interface Pipe {
  readonly reading: number
  readonly writing: number
}

/** A pipe that both a program and another thread of ours can have. It is nowhere once it is open. */
function openPipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-pipe-'))
  const path = join(folder, 'pipe')
  try {
    const { status } = spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' })
    if (status !== 0) throw new OutsideError('there are no named pipes')
    // For both, or opening would wait for the other end.
    const writing = openSync(path, files.O_RDWR)
    try {
      return { writing, reading: openSync(path, files.O_RDONLY) }
    } catch (error) {
      closeSync(writing)
      throw error
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
