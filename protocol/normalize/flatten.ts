/**
 * The file tree that the layers of an image make together. README.md, "Flattening".
 *
 * Where runtimes would not agree on it there is an error. Every directory of the result has an
 * owner and a mode, none is opaque, and there are no whiteouts; hardlink groups are those of the
 * names that survived.
 */
import { escapePath } from '../escape-path.ts'
import { type ByteString, compareByteStrings, fromByteString } from './byte-string.ts'
import { hashDirectory, hashLeaf } from './node-encoding.ts'
import { NormalizeError } from './normalize-error.ts'
import type { Profile } from './profile.ts'
import type { TaggedHash } from './tagged-hash.ts'
import type { DirectoryNode, InodeNode, Meta, TreeNode } from './tree.ts'

const IMPLIED_MODE = 0o755

/** Builders leave these behind empty, and runtimes mount over them. In this order. */
const ABSENT_FILES = [
  'etc/hosts',
  'etc/hostname',
  'etc/resolv.conf',
  '.dockerenv',
  'run/.containerenv',
]
const ABSENT_DIRECTORIES = ['dev', 'proc', 'sys', 'run']
/** Bookkeeping of storage drivers. */
const ABSENT_XATTRS = ['trusted.overlay.', 'user.overlay.']

interface Branch {
  readonly kind: 'directory'
  meta: Meta
  readonly children: Map<ByteString, Branch | InodeNode>
}

/** The names of an inode that survived. */
interface Names {
  count: number
  smallest: ByteString
  allDropped: boolean
}

/** Throws NormalizeError `flatten-*`. */
export function flattenLayers(
  layers: readonly DirectoryNode[],
  profile: Profile,
  hasher: TaggedHash,
): DirectoryNode {
  const root = newBranch(profile.mtimeClamp === undefined ? undefined : 0)
  for (const [layer, tree] of layers.entries()) applyDirectory(root, tree, { layer, path: '' })
  for (const path of ABSENT_FILES) removeIf(root, path, isEmptyFile)
  for (const path of ABSENT_DIRECTORIES) removeIf(root, path, isEmptyDirectory)
  const names = new Map<InodeNode, Names>()
  countNames(root, '', profile, names)
  return finishBranch(root, { hasher, names, finished: new Map() })
}

function newBranch(mtime: number | undefined): Branch {
  const meta = { mode: IMPLIED_MODE, uid: 0, gid: 0, mtime, xattrs: [], records: [] }
  return { kind: 'directory', meta, children: new Map() }
}

interface Place {
  readonly layer: number
  readonly path: ByteString
}

function fail(code: NormalizeError['code'], message: string, { layer, path }: Place): never {
  throw new NormalizeError(code, message, { layer, path: escapePath(fromByteString(path)) })
}

function below({ layer, path }: Place, name: ByteString): Place {
  return { layer, path: path === '' ? name : `${path}/${name}` }
}

function applyDirectory(target: Branch, upper: DirectoryNode, place: Place): void {
  if (upper.opaque) target.children.clear()
  if (upper.meta !== undefined) target.meta = withoutDriverXattrs(upper.meta)
  for (const [name, node] of upper.children) {
    if (node.kind === 'directory') {
      const here = below(place, name)
      applyDirectory(openBranch(target, name, node, here), node, here)
    } else if (node.kind === 'whiteout') {
      target.children.delete(name)
    } else {
      checkLeaf(node, below(place, name))
      target.children.set(name, node)
    }
  }
}

/** The directory `name` of `target` that `upper` is laid over. */
function openBranch(target: Branch, name: ByteString, upper: DirectoryNode, place: Place): Branch {
  const existing = target.children.get(name)
  if (existing?.kind === 'directory') return existing
  // Only a directory's own entry takes the place of something else, and only if it comes before
  // what lies beneath it: until then a runtime would write through the symlink.
  if (existing !== undefined && (upper.meta === undefined || upper.late)) {
    if (existing.kind === 'symlink') {
      fail('flatten-symlink-parent', 'a path beneath a symlink of a lower layer', place)
    }
    fail('flatten-parent-not-directory', 'a path beneath a non-directory of a lower layer', place)
  }
  const branch = newBranch(target.meta.mtime === undefined ? undefined : 0)
  target.children.set(name, branch)
  return branch
}

function checkLeaf(node: InodeNode, place: Place): void {
  if (node.kind === 'xlink') fail('flatten-hardlink', 'a hardlink across layers', place)
  if (node.kind === 'char' && node.major === 0 && node.minor === 0) {
    fail(
      'flatten-device-0-0',
      'a 0:0 character device, which some runtimes take for a whiteout',
      place,
    )
  }
}

function withoutDriverXattrs(meta: Meta): Meta {
  const xattrs = meta.xattrs.filter(
    ({ key }) => !ABSENT_XATTRS.some((prefix) => key.startsWith(prefix)),
  )
  return xattrs.length === meta.xattrs.length ? meta : { ...meta, xattrs }
}

function removeIf(
  root: Branch,
  path: ByteString,
  isAbsent: (node: Branch | InodeNode) => boolean,
): void {
  const components = path.split('/')
  const name = components.pop() ?? ''
  let parent: Branch | InodeNode | undefined = root
  for (const component of components) {
    parent = parent.children.get(component)
    if (parent?.kind !== 'directory') return
  }
  const node = parent.children.get(name)
  if (node !== undefined && isAbsent(node)) parent.children.delete(name)
}

function isEmptyFile(node: Branch | InodeNode): boolean {
  return node.kind === 'file' && node.size === 0
}

function isEmptyDirectory(node: Branch | InodeNode): boolean {
  return node.kind === 'directory' && node.children.size === 0
}

function countNames(
  branch: Branch,
  prefix: ByteString,
  profile: Profile,
  names: Map<InodeNode, Names>,
): void {
  for (const [name, node] of branch.children) {
    const path = prefix + name
    if (node.kind === 'directory') {
      countNames(node, `${path}/`, profile, names)
      continue
    }
    // A name of its own, not dropped, is as it was in its layer.
    if (node.group === undefined && !profile.drop.has(path)) continue
    const known = names.get(node)
    if (known === undefined) {
      names.set(node, { count: 1, smallest: path, allDropped: profile.drop.has(path) })
    } else {
      known.count++
      if (path < known.smallest) known.smallest = path
      known.allDropped &&= profile.drop.has(path)
    }
  }
}

interface Finishing {
  readonly hasher: TaggedHash
  readonly names: ReadonlyMap<InodeNode, Names>
  /** What an inode of a layer has become: the names of a group share one node here as well. */
  readonly finished: Map<InodeNode, InodeNode>
}

function finishBranch(branch: Branch, context: Finishing): DirectoryNode {
  const children = new Map<ByteString, TreeNode>()
  const sorted = [...branch.children].sort(([a], [b]) => compareByteStrings(a, b))
  for (const [name, node] of sorted) {
    children.set(
      name,
      node.kind === 'directory' ? finishBranch(node, context) : finishInode(node, context),
    )
  }
  const directory = {
    kind: 'directory' as const,
    meta: branch.meta,
    opaque: false,
    late: false,
    children,
  }
  return { ...directory, hash: hashDirectory(context.hasher, directory) }
}

function finishInode(node: InodeNode, { hasher, names, finished }: Finishing): InodeNode {
  const known = finished.get(node)
  if (known !== undefined) return known
  const own = names.get(node)
  const group = own !== undefined && own.count > 1 ? own.smallest : undefined
  const dropped = own?.allDropped ?? false
  const meta = withoutDriverXattrs(node.meta)
  const same =
    meta === node.meta && group === node.group && (node.kind !== 'file' || node.dropped === dropped)
  if (same) return node
  const changed =
    node.kind === 'file' ? { ...node, meta, group, dropped } : { ...node, meta, group }
  const result: InodeNode = { ...changed, hash: hashLeaf(hasher, changed) }
  finished.set(node, result)
  return result
}
