/**
 * A pipe read to its end on this thread, without its last bytes, which are not what it carries.
 *
 * It blocks; whoever ends a thread that may be in here has to end what writes to the pipe first.
 */
import { closeSync, readSync } from 'node:fs'

const READ_BYTES = 256 * 1024

export interface PipeEnd {
  /** Bytes that came, the last ones too. */
  readonly length: number
  /** The last `heldBack` bytes, or all where there were fewer. */
  readonly tail: Uint8Array
}

/** Gives the rest to `take`, in pieces that are overwritten later, and closes the pipe always. */
export function readHeldBack(
  pipe: number,
  heldBack: number,
  take: (piece: Uint8Array) => void,
): PipeEnd {
  const buffer = Buffer.allocUnsafeSlow(heldBack + READ_BYTES)
  let length = 0
  let held = 0
  try {
    for (;;) {
      const count = readSync(pipe, buffer, held, READ_BYTES, null)
      if (count === 0) return { length, tail: buffer.subarray(0, held) }
      length += count
      const have = held + count
      const given = Math.max(0, have - heldBack)
      if (given > 0) take(buffer.subarray(0, given))
      buffer.copyWithin(0, given, have)
      held = have - given
    }
  } finally {
    closeSync(pipe)
  }
}
