/**
 * Taking a build's work folder away, whatever the build has left in it.
 *
 * Nothing below a mount may be removed through it: what is still mounted there is unmounted first,
 * innermost first, and if that fails the folder stays.
 */
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { promisify } from 'node:util'

export async function removeWorkFolder(directory: string): Promise<void> {
  for (const mount of await mountsBelow(directory)) {
    await promisify(execFile)('umount', ['-l', '--', mount])
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Mount points strictly inside of `directory`, innermost first. */
async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      ),
    )
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse()
}
