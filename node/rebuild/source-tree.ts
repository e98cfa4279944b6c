/**
 * A source tree on disk: plain in its metadata, and left by no path.
 *
 * The tree is a stranger's. A link in it may point anywhere, so the paths that a recipe names are
 * resolved, links and all, and must end inside.
 */
import { chmod, lchown, lstat, lutimes, readdir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { BuildError } from './build-error.ts'

/**
 * Gives every file of a tree plain modes and one time. A parent's setgid bit or default ACL must
 * not reach the image, and some builders write a hash over these into the image's history.
 */
export async function settleTree(directory: string, time: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) {
      await settleTree(path, time)
      continue
    }
    if (entry.isFile()) {
      const { mode } = await lstat(path)
      await chmod(path, (mode & 0o100) === 0 ? 0o644 : 0o755)
    }
    await lutimes(path, time, time)
  }
  await chmod(directory, 0o755)
  await lutimes(directory, time, time)
}

/** Gives a tree to the user and the group `id`, links themselves and not what they point to. */
export async function giveTree(directory: string, id: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await giveTree(path, id)
    else await lchown(path, id, id)
  }
  await lchown(directory, id, id)
}

/** The real path of a recipe's Dockerfile or context, which is inside of `source`. */
export async function resolveSourcePath(
  source: string,
  path: string,
  kind: 'dockerfile' | 'context',
): Promise<string> {
  const root = await realpath(source)
  const escapes = (): BuildError =>
    new BuildError('path-escapes-source', `${kind} ${JSON.stringify(path)} leaves the source tree`)
  if (isAbsolute(path) || path.includes('\0') || leaves(root, resolve(root, path))) throw escapes()
  const missing = (what: string, cause?: unknown): BuildError =>
    new BuildError(
      `${kind}-missing`,
      `${kind} ${JSON.stringify(path)} ${what} in the source: check the recipe`,
      { cause },
    )
  const real = await realpath(join(root, path)).catch((cause: unknown) => {
    throw missing('does not exist', cause)
  })
  if (leaves(root, real)) throw escapes()
  const stats = await stat(real)
  if (kind === 'dockerfile' && !stats.isFile()) throw missing('is not a file')
  if (kind === 'context' && !stats.isDirectory()) throw missing('is not a directory')
  return real
}

function leaves(root: string, path: string): boolean {
  const way = relative(root, path)
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)
}
