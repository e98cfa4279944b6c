/** Files that a user names, with an error that says which one and why. */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { CliError } from './cli-error.ts'
import { describeSystemError } from '../node/system-error.ts'

export const MAX_PROJECT_FILE_BYTES = 128 * 1024

/** Reads a regular file of at most so many bytes; a device or a pipe may have no end. */
export async function readNamedFile(path: string, maxBytes: number): Promise<Buffer> {
  // Non-blocking: opening a named pipe would wait for its writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK
  const file = await open(path, flags).catch((cause: unknown) => refuse(path, cause))
  try {
    const stats = await file.stat()
    if (stats.isDirectory()) throw new CliError('file', `${path}: it is a folder: name a file`)
    if (!stats.isFile()) {
      throw new CliError('file', `${path} is no regular file: copy it into one, and name that`)
    }
    const bytes = await readUpTo(file, maxBytes + 1).catch((cause: unknown) => refuse(path, cause))
    if (bytes.length <= maxBytes) return bytes
  } finally {
    await file.close()
  }
  throw new CliError(
    'file',
    `${path} is larger than the ${maxBytes} bytes that such a file may have`,
  )
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

function refuse(path: string, cause: unknown): never {
  throw new CliError('file', `${path}: ${describeSystemError(cause)}`, { cause })
}
