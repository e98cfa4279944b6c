/**
 * A work folder while something is done in it, and taking it away, whatever a build has left in it.
 *
 * Nothing below a mount may be removed through it: what is still mounted there is unmounted first,
 * innermost first, and if that fails the folder stays.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Of this process. Whatever else stands beside them was left behind. */
const inUse = new Set<string>()

/** Does the work in a fresh folder below `parent`, and takes the folder away. */
export async function withWorkFolder<T>(
  parent: string,
  prefix: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = join(parent, `${prefix}${randomUUID()}`)
  // Before it is there: nobody may find it and take it for left behind.
  inUse.add(folder)
  try {
    await mkdir(folder, { mode: 0o700 })
    return await work(folder)
  } finally {
    await removeWorkFolder(folder).finally(() => inUse.delete(folder))
  }
}

export function isWorkFolderInUse(folder: string): boolean {
  return inUse.has(folder)
}

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
