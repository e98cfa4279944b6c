/** Reading part of an open file in large pieces. */
import type { FileHandle } from 'node:fs/promises'
import { ImageError } from './image-error.ts'

const READ_BYTES = 1024 * 1024

/**
 * The bytes `[start, start + length)`; throws ImageError `source-unreadable` where the file is
 * shorter. A piece is valid until the next one is asked for: all are read into one buffer.
 */
export async function* readRange(
  handle: FileHandle,
  start: number,
  length: number,
  what: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const whole = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length))
  for (let done = 0; done < length;) {
    signal?.throwIfAborted()
    const wanted = Math.min(READ_BYTES, length - done)
    const buffer = whole.subarray(0, wanted)
    const filled = await fill(handle, buffer, start + done, what)
    if (filled < wanted)
      throw new ImageError(
        'source-unreadable',
        `${what} ends early: was it changed while it was read?`,
      )
    done += wanted
    yield buffer
  }
}

/** Fills `buffer` from `position`; fewer bytes only at the end of the file. */
async function fill(
  handle: FileHandle,
  buffer: Buffer,
  position: number,
  what: string,
): Promise<number> {
  let filled = 0
  try {
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(
        buffer,
        filled,
        buffer.length - filled,
        position + filled,
      )
      if (bytesRead === 0) break
      filled += bytesRead
    }
  } catch (error) {
    throw new ImageError(
      'source-unreadable',
      `${what} cannot be read: ${(error as Error).message}`,
      { cause: error },
    )
  }
  return filled
}

/** All of a small range in one buffer. */
export async function readBytes(
  handle: FileHandle,
  start: number,
  length: number,
  what: string,
): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length)
  const filled = await fill(handle, buffer, start, what)
  if (filled < length)
    throw new ImageError(
      'source-unreadable',
      `${what} ends early: was it changed while it was read?`,
    )
  return buffer
}
