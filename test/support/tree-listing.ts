/** Our tree of a layer or of a flattened image, as a list that other tools' lists compare with. */
import { toHex } from '../../protocol/bytes.ts'
import { fromByteString } from '../../protocol/normalize/byte-string.ts'
import type { DirectoryNode, InodeNode, Meta } from '../../protocol/normalize/tree.ts'
import type { ListedEntry } from './referee.ts'

/** Each name that has an entry, the root as "", by path; whiteouts and implied directories have none. */
export function listTree(root: DirectoryNode): readonly ListedEntry[] {
  const out: ListedEntry[] = []
  walk(root, '', out)
  return sortEntries(out)
}

export function sortEntries(entries: Iterable<ListedEntry>): readonly ListedEntry[] {
  return [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

function walk(directory: DirectoryNode, path: string, out: ListedEntry[]): void {
  if (directory.meta !== undefined) out.push(describe(path, 'directory', directory.meta))
  for (const [name, node] of directory.children) {
    const below = path === '' ? name : `${path}/${name}`
    if (node.kind === 'directory') walk(node, below, out)
    else if (node.kind !== 'whiteout') out.push(describeInode(below, node))
  }
}

function describe(path: string, kind: string, { mode, uid, gid, xattrs }: Meta): ListedEntry {
  const attributes = Object.fromEntries(xattrs.map(({ key, value }) => [key, value]))
  return { path, kind, mode, uid, gid, xattrs: attributes }
}

function describeInode(path: string, node: InodeNode): ListedEntry {
  const entry = describe(path, node.kind, node.meta)
  switch (node.kind) {
    case 'file':
      return { ...entry, size: node.size, sha256: toHex(fromByteString(node.content)) }
    case 'symlink':
    case 'xlink':
      return { ...entry, target: node.target }
    case 'char':
    case 'block':
      return { ...entry, major: node.major, minor: node.minor }
    case 'fifo':
      return entry
  }
}
