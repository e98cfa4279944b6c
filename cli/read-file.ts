/** Files that a user names, with an error that says which one and why. */
import { readFile, stat } from 'node:fs/promises'
import { CliError } from './cli-error.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
}

export async function readNamedFile(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size <= maxBytes) return await readFile(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new CliError('file', `${path}: ${REASONS[code ?? ''] ?? message}`, { cause })
  }
  throw new CliError(
    'file',
    `${path} is larger than the ${maxBytes} bytes that such a file may have`,
  )
}
