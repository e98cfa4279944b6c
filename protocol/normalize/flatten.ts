/**
 * The file tree that the layers of an image make together. README.md, "Flattening".
 *
 * Where runtimes would not agree on it there is an error. Every directory of the result has an
 * owner and a mode, none is opaque, and there are no whiteouts. Hardlinks are files like others:
 * of two builders of one Dockerfile, one writes a link to a file of a lower layer as a copy, the
 * other writes both names again as a group.
 */
import { escapePath } from '../escape-path.ts'
import { type ByteString, compareByteStrings, fromByteString } from './byte-string.ts'
import { hashDirectory, hashLeaf } from './node-encoding.ts'
import { NormalizeError } from './normalize-error.ts'
import { isDriverXattr, isPlainDirectory, isWhiteoutDevice } from './plain-tree.ts'
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

/** A directory that is being put together; its children may be finished ones of one layer. */
interface Branch {
  readonly kind: 'branch'
  meta: Meta
  readonly children: Map<ByteString, Part>
}

type Part = Branch | DirectoryNode | InodeNode

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
  return finishBranch(root, '', { hasher, profile })
}

function newBranch(mtime: number | undefined): Branch {
  const meta = { mode: IMPLIED_MODE, uid: 0, gid: 0, mtime, xattrs: [], records: [] }
  return { kind: 'branch', meta, children: new Map() }
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
      applyChild(target, name, node, below(place, name))
    } else if (node.kind === 'whiteout') {
      target.children.delete(name)
    } else {
      checkLeaf(node, place, name)
      target.children.set(name, node)
    }
  }
}

/** Lays the directory `upper` over what `target` has under `name`. */
function applyChild(target: Branch, name: ByteString, upper: DirectoryNode, place: Place): void {
  const existing = target.children.get(name)
  if (existing?.kind === 'branch') return applyDirectory(existing, upper, place)
  if (existing?.kind === 'directory') {
    // What is laid over an equal plain tree changes nothing.
    if (upper.plain && upper.hash === existing.hash) return
    applyDirectory(openBranch(target, name, existing), upper, place)
    return
  }
  // Only a directory's own entry takes the place of something else, and only if it comes before
  // what lies beneath it: until then a runtime would write through the symlink.
  if (existing !== undefined && (upper.meta === undefined || upper.late)) {
    if (existing.kind === 'symlink') {
      fail('flatten-symlink-parent', 'a path beneath a symlink of a lower layer', place)
    }
    fail('flatten-parent-not-directory', 'a path beneath a non-directory of a lower layer', place)
  }
  if (upper.plain) {
    target.children.set(name, upper)
    return
  }
  const branch = newBranch(target.meta.mtime === undefined ? undefined : 0)
  target.children.set(name, branch)
  applyDirectory(branch, upper, place)
}

/** The plain directory `name` of `target`, opened so that it can be changed. */
function openBranch(target: Branch, name: ByteString, node: DirectoryNode): Branch {
  const { meta } = node
  if (meta === undefined) throw new Error('a plain directory has an entry of its own')
  const branch: Branch = { kind: 'branch', meta, children: new Map() }
  for (const [below, child] of node.children) {
    if (child.kind === 'whiteout') throw new Error('a plain directory has no whiteouts')
    branch.children.set(below, child)
  }
  target.children.set(name, branch)
  return branch
}

function checkLeaf(node: InodeNode, place: Place, name: ByteString): void {
  if (node.kind === 'xlink') {
    fail('flatten-hardlink', 'a hardlink across layers', below(place, name))
  }
  if (isWhiteoutDevice(node)) {
    fail(
      'flatten-device-0-0',
      'a 0:0 character device, which some runtimes take for a whiteout',
      below(place, name),
    )
  }
}

function withoutDriverXattrs(meta: Meta): Meta {
  const xattrs = meta.xattrs.filter((xattr) => !isDriverXattr(xattr))
  return xattrs.length === meta.xattrs.length ? meta : { ...meta, xattrs }
}

function removeIf(
  root: Branch,
  path: ByteString,
  isAbsent: (node: TreeNode | Part) => boolean,
): void {
  const components = path.split('/')
  const name = components.pop() ?? ''
  let found: TreeNode | Part | undefined = root
  for (const component of [...components, name]) {
    if (found?.kind !== 'branch' && found?.kind !== 'directory') return
    found = found.children.get(component)
  }
  if (found === undefined || !isAbsent(found)) return
  let parent = root
  for (const component of components) {
    const child = parent.children.get(component)
    if (child?.kind === 'branch') parent = child
    else if (child?.kind === 'directory') parent = openBranch(parent, component, child)
  }
  parent.children.delete(name)
}

function isEmptyFile(node: TreeNode | Part): boolean {
  return node.kind === 'file' && node.size === 0
}

function isEmptyDirectory(node: TreeNode | Part): boolean {
  return (node.kind === 'branch' || node.kind === 'directory') && node.children.size === 0
}

interface Finishing {
  readonly hasher: TaggedHash
  readonly profile: Profile
}

function finishBranch(branch: Branch, prefix: ByteString, context: Finishing): DirectoryNode {
  const children = new Map<ByteString, TreeNode>()
  const sorted = [...branch.children].sort(([a], [b]) => compareByteStrings(a, b))
  for (const [name, node] of sorted) {
    const path = prefix + name
    if (node.kind === 'directory') children.set(name, node)
    else if (node.kind === 'branch') children.set(name, finishBranch(node, `${path}/`, context))
    else children.set(name, finishInode(node, path, context))
  }
  const directory = {
    kind: 'directory' as const,
    meta: branch.meta,
    opaque: false,
    late: false,
    children,
  }
  const hash = hashDirectory(context.hasher, directory)
  return { ...directory, plain: isPlainDirectory(directory), hash }
}

/** Each name by itself: whether a link survives as one is the storage driver's doing. */
function finishInode(node: InodeNode, path: ByteString, context: Finishing): InodeNode {
  const meta = withoutDriverXattrs(node.meta)
  const dropped = node.kind === 'file' && context.profile.drop.has(path)
  const same =
    meta === node.meta &&
    node.group === undefined &&
    (node.kind !== 'file' || node.dropped === dropped)
  if (same) return node
  const changed =
    node.kind === 'file'
      ? { ...node, meta, group: undefined, dropped }
      : { ...node, meta, group: undefined }
  return { ...changed, hash: hashLeaf(context.hasher, changed) }
}
