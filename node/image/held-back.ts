/**
 * A pipe read to its end on this thread, without its last bytes, which are not what it carries.
 *
 * It blocks; whoever ends a thread that may be in here has to end what writes to the pipe first.
 */
import { closeSync, readSync } from 'node:fs'
import type { Room } from './byte-ring.ts'

export interface PipeEnd {
  /** Bytes that came, the last ones too. */
  readonly length: number
  /** The last `heldBack` bytes, or all where there were fewer. */
  readonly tail: Uint8Array
}

/**
 * Puts the rest into `room`, and closes the pipe always. At least one byte is held back. Throws what
 * `room` throws.
 */
export function readHeldBack(pipe: number, heldBack: number, room: Room): PipeEnd {
  const tail = Buffer.alloc(heldBack)
  let length = 0
  let held = 0
  try {
    for (;;) {
      const lent = room.lend(held)
      const count = readSync(pipe, lent, 0, lent.length, null)
      if (count === 0) return { length, tail: tail.subarray(0, held) }
      length += count
      keepLast(tail, held, lent.subarray(0, count))
      const given = Math.max(0, held + count - heldBack)
      if (given > 0) room.take(given)
      held += count - given
    }
  } finally {
    closeSync(pipe)
  }
}

/** `tail`, of which `held` bytes are known, then has the last of what is known with `more`. */
function keepLast(tail: Buffer, held: number, more: Uint8Array): void {
  const last = more.subarray(-tail.length)
  const kept = Math.min(held, tail.length - last.length)
  tail.copyWithin(0, held - kept, held)
  tail.set(last, kept)
}
