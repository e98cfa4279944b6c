/**
 * Bytes from one thread to another, through a ring in shared memory.
 *
 * One thread writes (RingWriter), one reads in place (RingReader); each waits for the other with
 * Atomics, so both must be threads that may block: never the main thread. One stream after the
 * other: the reader makes the ring ready for the next one before it says that one has ended.
 *
 * Instead of writing, the writer may hand a pipe over: then nothing is copied between threads.
 */
import { readHeldBack } from './held-back.ts'

/** A power of two. */
const RING_BYTES = 2 * 1024 * 1024
/** Room is lent up to the end of a slot; a stream begins with one. A part of the ring. */
export const SLOT_BYTES = 256 * 1024
/** The reader gets no more at once, so that the writer finds room again soon. */
const STEP_BYTES = SLOT_BYTES
const CONTROL_WORDS = 9
const CONTROL_BYTES = CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT

/** Positions count bytes modulo 2^32; `SIGNAL` changes with every message to the reader. */
const WRITTEN = 0
const READ = 1
const SIGNAL = 2
const STATE = 3
/** Set by the reader: it wants no more of this stream. */
const ENOUGH = 4
/** A flag of the stream, for the reader. */
const FLAG = 5
/** Of a pipe that the reader is to read to its end, and close; then 0 again. */
const PIPE = 6
/** What the pipe gave, in bytes. */
const LENGTH_LOW = 7
const LENGTH_HIGH = 8

const OPEN = 0
const ENDED = 1
const GIVEN_UP = 2

/** The reader wants no more. */
export class RingRefused extends Error {
  override readonly name = 'RingRefused'
}

export function createByteRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + RING_BYTES)
}

function viewsOf(ring: SharedArrayBuffer) {
  return {
    control: new Int32Array(ring, 0, CONTROL_WORDS),
    bytes: new Uint8Array(ring, CONTROL_BYTES, RING_BYTES),
  }
}

/** Room for bytes that are made where they are to lie. */
export interface Room {
  /** Waits until there is room, and lends it until `take`, or until it is lent again. */
  lend(): Uint8Array
  /** The first `count` bytes of what was lent have been written. */
  take(count: number): void
}

export class RingWriter {
  readonly #views: ReturnType<typeof viewsOf>

  constructor(ring: SharedArrayBuffer) {
    this.#views = viewsOf(ring)
  }

  /**
   * Blocks until all of `data` has found room. `flag` goes to the reader, and is the same for the
   * whole stream. Throws RingRefused.
   */
  write(data: Uint8Array, flag: boolean): void {
    const { control, bytes } = this.#views
    Atomics.store(control, FLAG, flag ? 1 : 0)
    for (let at = 0; at < data.length;) {
      if (Atomics.load(control, ENOUGH) === 1) throw new RingRefused('no more is wanted')
      const written = Atomics.load(control, WRITTEN)
      const read = Atomics.load(control, READ)
      const room = RING_BYTES - ((written - read) >>> 0)
      if (room === 0) {
        Atomics.wait(control, READ, read)
        continue
      }
      const start = (written >>> 0) % RING_BYTES
      const count = Math.min(room, RING_BYTES - start, data.length - at)
      bytes.set(data.subarray(at, at + count), start)
      at += count
      Atomics.store(control, WRITTEN, (written + count) | 0)
      this.#signal()
    }
  }

  /** Its methods throw RingRefused. `flag` as in `write`. */
  room(flag: boolean): Room {
    const { control, bytes } = this.#views
    return {
      lend: () => {
        for (;;) {
          if (Atomics.load(control, ENOUGH) === 1) throw new RingRefused('no more is wanted')
          const written = Atomics.load(control, WRITTEN)
          const read = Atomics.load(control, READ)
          const start = (written >>> 0) % RING_BYTES
          const size = SLOT_BYTES - (start % SLOT_BYTES)
          if (RING_BYTES - ((written - read) >>> 0) >= size) {
            return bytes.subarray(start, start + size)
          }
          Atomics.wait(control, READ, read)
        }
      },
      take: (count) => {
        Atomics.store(control, FLAG, flag ? 1 : 0)
        Atomics.add(control, WRITTEN, count)
        this.#signal()
      },
    }
  }

  /** The reader reads `pipe` to its end, and closes it, before anything that is written later. */
  handOver(pipe: number, flag: boolean): void {
    const { control } = this.#views
    Atomics.store(control, FLAG, flag ? 1 : 0)
    Atomics.store(control, PIPE, pipe)
    this.#signal()
  }

  /**
   * Resolves once the pipe that was handed over has been read: with the bytes that it gave in all,
   * and with the last `heldBack` of them, which the reader has kept to itself. Rejects with
   * RingRefused as soon as the reader wants no more.
   */
  async takeBack(heldBack: number): Promise<{ readonly length: number; readonly tail: Buffer }> {
    const { control, bytes } = this.#views
    for (;;) {
      const pipe = Atomics.load(control, PIPE)
      if (Atomics.load(control, ENOUGH) === 1) throw new RingRefused('no more is wanted')
      if (pipe === 0) break
      await Atomics.waitAsync(control, PIPE, pipe).value
    }
    const low = Atomics.load(control, LENGTH_LOW) >>> 0
    const length = Atomics.load(control, LENGTH_HIGH) * 2 ** 32 + low
    return { length, tail: Buffer.from(bytes.slice(0, Math.min(length, heldBack))) }
  }

  end(): void {
    this.#close(ENDED)
  }

  /** The reader is not to believe that it has got everything. */
  giveUp(): void {
    this.#close(GIVEN_UP)
  }

  #close(state: number): void {
    Atomics.store(this.#views.control, STATE, state)
    this.#signal()
  }

  #signal(): void {
    const { control } = this.#views
    Atomics.add(control, SIGNAL, 1)
    Atomics.notify(control, SIGNAL)
  }
}

export class RingReader {
  readonly #views: ReturnType<typeof viewsOf>

  constructor(ring: SharedArrayBuffer) {
    this.#views = viewsOf(ring)
  }

  /**
   * Blocks until the stream has ended, and gives its bytes to `take` in pieces that lie in the ring:
   * they are overwritten once it returns. False where the writer gave up. What `take` throws is
   * thrown once the writer has stopped. Of a pipe the last `heldBack` bytes are for the writer.
   */
  readAll(take: (piece: Uint8Array, flag: boolean) => void, heldBack = 0): boolean {
    const { control, bytes } = this.#views
    let failure: { readonly error: unknown } | undefined
    const attempt = (read: () => void): void => {
      try {
        if (failure === undefined) read()
      } catch (error) {
        failure = { error }
        Atomics.store(control, ENOUGH, 1)
      }
    }
    for (;;) {
      const signal = Atomics.load(control, SIGNAL)
      const state = Atomics.load(control, STATE)
      const read = Atomics.load(control, READ)
      const waiting = (Atomics.load(control, WRITTEN) - read) >>> 0
      const pipe = Atomics.load(control, PIPE)
      if (pipe !== 0) {
        const flag = Atomics.load(control, FLAG) === 1
        attempt(() => {
          const { length, tail } = readHeldBack(pipe, heldBack, (piece) => take(piece, flag))
          bytes.set(tail)
          Atomics.store(control, LENGTH_LOW, (length % 2 ** 32) | 0)
          Atomics.store(control, LENGTH_HIGH, Math.floor(length / 2 ** 32))
        })
        Atomics.store(control, PIPE, 0)
        Atomics.notify(control, PIPE)
      } else if (waiting > 0) {
        const start = (read >>> 0) % RING_BYTES
        const count = Math.min(waiting, RING_BYTES - start, STEP_BYTES)
        const flag = Atomics.load(control, FLAG) === 1
        attempt(() => take(bytes.subarray(start, start + count), flag))
        Atomics.store(control, READ, (read + count) | 0)
        Atomics.notify(control, READ)
      } else if (state === OPEN) {
        Atomics.wait(control, SIGNAL, signal)
      } else {
        // Nobody writes now. The next stream begins with a whole slot.
        Atomics.store(control, WRITTEN, 0)
        Atomics.store(control, READ, 0)
        Atomics.store(control, ENOUGH, 0)
        Atomics.store(control, STATE, OPEN)
        if (failure !== undefined) throw failure.error
        return state === ENDED
      }
    }
  }
}
