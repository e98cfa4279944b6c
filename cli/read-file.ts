/** Files that a user names, with an error that says which one and why. */
import { readBoundedFile } from '../node/bounded-file.ts'
import { CliError } from './cli-error.ts'

export const MAX_PROJECT_FILE_BYTES = 128 * 1024

/** Reads a regular file of at most so many bytes; a device or a pipe may have no end. */
export function readNamedFile(path: string, maxBytes: number): Promise<Buffer> {
  return readBoundedFile(
    path,
    maxBytes,
    (reason, cause) => new CliError('file', `${path}: ${reason}`, { cause }),
  )
}
