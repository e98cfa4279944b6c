/**
 * Bytes from one thread to another, through a ring in shared memory.
 *
 * One thread writes (RingWriter), one reads in place (RingReader); each waits for the other with
 * Atomics, so both must be threads that may block: never the main thread. One stream after the
 * other: the reader makes the ring ready for the next one before it says that one has ended.
 */

/** A power of two. */
const RING_BYTES = 4 * 1024 * 1024
/** Room is lent up to the end of a slot; a stream begins with one. A part of the ring. */
export const SLOT_BYTES = 256 * 1024
/** The reader gets no more at once, so that the writer finds room again soon. */
const STEP_BYTES = SLOT_BYTES
/**
 * What has to be there before the one that waits for it is woken, or what there is when the other
 * one has to wait: to be woken takes longer than a slot's worth of work where cores go to sleep.
 */
const WAKE_FOR_BYTES = 1024 * 1024
const WAKE_FOR_ROOM_BYTES = RING_BYTES / 2
const CONTROL_WORDS = 6
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
  /**
   * Waits until there is room, and lends it until `take`, or until it is lent again. It begins
   * after `ahead` bytes that were written before and not taken yet, default none.
   */
  lend(ahead?: number): Uint8Array
  /** The first `count` bytes that had not been taken yet are for the reader. */
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
    const room = this.room(flag)
    for (let at = 0; at < data.length;) {
      const lent = room.lend()
      const count = Math.min(lent.length, data.length - at)
      lent.set(data.subarray(at, at + count))
      room.take(count)
      at += count
    }
  }

  /** Its methods throw RingRefused. `flag` as in `write`. */
  room(flag: boolean): Room {
    const { control, bytes } = this.#views
    return {
      lend: (ahead = 0) => {
        const end = Atomics.load(control, WRITTEN) + ahead
        const start = (end >>> 0) % RING_BYTES
        const size = SLOT_BYTES - (start % SLOT_BYTES)
        for (;;) {
          if (Atomics.load(control, ENOUGH) === 1) throw new RingRefused('no more is wanted')
          const read = Atomics.load(control, READ)
          if (RING_BYTES - ((end - read) >>> 0) >= size) {
            return bytes.subarray(start, start + size)
          }
          Atomics.wait(control, READ, read)
        }
      },
      take: (count) => {
        Atomics.store(control, FLAG, flag ? 1 : 0)
        const written = Atomics.add(control, WRITTEN, count) + count
        Atomics.add(control, SIGNAL, 1)
        const waiting = (written - Atomics.load(control, READ)) >>> 0
        if (waiting >= WAKE_FOR_BYTES) Atomics.notify(control, SIGNAL)
      },
    }
  }

  end(): void {
    this.#close(ENDED)
  }

  /** The reader is not to believe that it has got everything. */
  giveUp(): void {
    this.#close(GIVEN_UP)
  }

  #close(state: number): void {
    const { control } = this.#views
    Atomics.store(control, STATE, state)
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
   * thrown once the writer has stopped.
   */
  readAll(take: (piece: Uint8Array, flag: boolean) => void): boolean {
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
      if (waiting > 0) {
        const start = (read >>> 0) % RING_BYTES
        const count = Math.min(waiting, RING_BYTES - start, STEP_BYTES)
        const flag = Atomics.load(control, FLAG) === 1
        attempt(() => take(bytes.subarray(start, start + count), flag))
        Atomics.store(control, READ, (read + count) | 0)
        const unread = (Atomics.load(control, WRITTEN) - read - count) >>> 0
        if (RING_BYTES - unread >= WAKE_FOR_ROOM_BYTES) Atomics.notify(control, READ)
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
