/** Files that somebody names: a device or a pipe may have no end, and a file no measure. */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { describeSystemError } from './system-error.ts'

/** Reads a regular file of at most so many bytes; else throws what `refuse` makes of the reason. */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
  refuse: (reason: string, cause?: unknown) => Error,
): Promise<Buffer> {
  const fail = (cause: unknown): never => {
    throw refuse(describeSystemError(cause), cause)
  }
  // Non-blocking: opening a named pipe would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(fail)
  try {
    const stats = await file.stat()
    if (stats.isDirectory()) throw refuse('it is a folder: name a file')
    if (!stats.isFile()) throw refuse('it is no regular file: copy it into one, and name that')
    const bytes = await readUpTo(file, maxBytes + 1).catch(fail)
    if (bytes.length <= maxBytes) return bytes
  } finally {
    await file.close()
  }
  throw refuse(`it is larger than the ${maxBytes} bytes that such a file may have`)
}

/** A file may grow while it is read, and one below /proc says that it has no bytes. */
async function readUpTo(file: FileHandle, most: number): Promise<Buffer> {
  const buffer = Buffer.alloc(most)
  let length = 0
  while (length < most) {
    const { bytesRead } = await file.read(buffer, length, most - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
