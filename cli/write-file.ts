/** Files that a user names to be written, with an error that says which one and why. */
import { lstat, writeFile } from 'node:fs/promises'
import { writeFileAtomic } from '../node/atomic-file.ts'
import { describeSystemError } from '../node/system-error.ts'
import { CliError } from './cli-error.ts'

const ANYBODY_MAY_READ = 0o666

/** Replaces the file whole or leaves what was there: on a full disk nothing is lost. */
export async function writeNamedFile(path: string, content: string | Uint8Array): Promise<void> {
  try {
    const there = await lstat(path).catch(() => undefined)
    // A device, a pipe or a link is written to, and not replaced.
    if (there?.isFile() === false) return await writeFile(path, content)
    await writeFileAtomic(
      path,
      content,
      there === undefined ? ANYBODY_MAY_READ : there.mode & 0o777,
    )
  } catch (cause) {
    throw new CliError('file', `${path} cannot be written: ${describeSystemError(cause)}`, {
      cause,
    })
  }
}
