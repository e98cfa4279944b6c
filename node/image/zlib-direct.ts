/**
 * A zlib stream of Node, driven on this thread and straight into memory that waits for it.
 *
 * A stream hands each piece to another thread and back over the event loop; between two of them
 * nothing is inflated, and that was a third of the time. This does what `gunzipSync` does, piece by
 * piece, with what Node's streams are made of: not documented, but unchanged since Node 0.12 and
 * what npm's own tar stands on. `isDirectZlib` tries it out; where it is not what we know, the
 * stream is used as a stream (zlib-pump.ts). The calls, and so the errors, are the same in both.
 */
import { constants, createGunzip, gzipSync } from 'node:zlib'
import type { Room } from './byte-ring.ts'
import type { ZlibFeed, ZlibStream } from './zlib-pump.ts'

interface Insides {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputBytes: number,
      output: Uint8Array,
      outputAt: number,
      outputBytes: number,
    ): void
  }
  /** After a call: bytes of the output, and of the input, that were not used. */
  readonly _writeState: Uint32Array
}

const NO_FLUSH = 0
const NOTHING = new Uint8Array(0)

/** Room at once in the trial, so that it needs several. */
const TRIAL_BYTES = 64

export class ZlibDirect implements ZlibFeed {
  readonly #stream: ZlibStream
  readonly #insides: Insides
  readonly #room: Room
  readonly #finish: number
  readonly #translate: (error: NodeJS.ErrnoException) => Error
  #taken = 0
  #failure: Error | undefined

  /** `finish`: the flag that says that no more will come. Its methods throw what `room` throws. */
  constructor(
    stream: ZlibStream,
    room: Room,
    finish: number,
    translate: (error: NodeJS.ErrnoException) => Error,
  ) {
    this.#stream = stream
    this.#insides = stream as unknown as Insides
    this.#room = room
    this.#finish = finish
    this.#translate = translate
    // Told where it happens; the event comes too late.
    stream.on('error', () => undefined)
  }

  async write(chunk: Uint8Array): Promise<number> {
    return this.run(NO_FLUSH, chunk)
  }

  async drain(): Promise<void> {
    // Whatever has come out lies where it goes.
  }

  async end(): Promise<void> {
    this.run(this.#finish, NOTHING)
  }

  destroy(): void {
    this.#failure ??= new Error('the stream was given up')
    this.#stream.destroy()
  }

  /**
   * Until the stream wants no more of `chunk`: it has room for output then, and does not use it.
   * How many bytes of all that was written it has taken.
   */
  run(flush: number, chunk: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure
    const { _handle: handle, _writeState: state } = this.#insides
    let left = chunk.length
    for (;;) {
      const output = this.#room.lend()
      handle.writeSync(flush, chunk, chunk.length - left, left, output, 0, output.length)
      const { errored } = this.#stream
      if (errored !== null) {
        this.#failure = this.#translate(errored)
        throw this.#failure
      }
      const [outputLeft = 0, inputLeft = 0] = state
      this.#taken += left - inputLeft
      left = inputLeft
      if (outputLeft < output.length) this.#room.take(output.length - outputLeft)
      if (outputLeft > 0) return this.#taken
    }
  }
}

let known: boolean | undefined

/** Whether this Node's streams are made as ZlibDirect expects. */
export function isDirectZlib(): boolean {
  return (known ??= worksDirectly())
}

function worksDirectly(): boolean {
  const content = Buffer.alloc(3 * TRIAL_BYTES, 'tried ')
  const memory = Buffer.from(new SharedArrayBuffer(4 * TRIAL_BYTES))
  let at = 0
  const room: Room = {
    lend: () => memory.subarray(at, at + TRIAL_BYTES),
    take: (count) => void (at += count),
  }
  const blob = gzipSync(content)
  const half = Math.floor(blob.length / 2)
  const stream = createGunzip()
  try {
    const zlib = new ZlibDirect(stream, room, constants.Z_FINISH, (error) => error)
    const first = zlib.run(NO_FLUSH, blob.subarray(0, half))
    const all = zlib.run(NO_FLUSH, blob.subarray(half))
    zlib.run(constants.Z_FINISH, NOTHING)
    const whole = memory.subarray(0, at).equals(content)
    return whole && first === half && all === blob.length
  } catch {
    return false
  } finally {
    stream.destroy()
  }
}
