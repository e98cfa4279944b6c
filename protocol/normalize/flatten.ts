/**
 * The file tree that the layers of an image make together. README.md, "Flattening".
 *
 * Where runtimes would not agree on it there is an error. Every directory of the result has an
 * owner and a mode, none is opaque, and there are no whiteouts. Hardlinks are files like others:
 * of two builders of one Dockerfile, one writes a link to a file of a lower layer as a copy, the
 * other writes both names again as a group.
 */
import { escapePath } from '../escape-path.ts'
import { AlteredDirectory } from './altered-directory.ts'
import { type ByteString, compareByteStrings, fromByteString } from './byte-string.ts'
import { hashDirectoryOf, hashLeaf } from './node-encoding.ts'
import { NormalizeError } from './normalize-error.ts'
import { childOf, entriesOf } from './packed-tree.ts'
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

/**
 * A directory that is being put together: one of a layer, and what others change of it. A layer
 * may have a million entries, so what nothing changes is not opened.
 */
interface Branch {
  readonly kind: 'branch'
  meta: Meta
  base: DirectoryNode | undefined
  /** Undefined: removed. */
  readonly changes: Map<ByteString, Part | undefined>
}

/** A directory of a layer stands for what flattening it alone gives; it has been checked. */
type Part = Branch | DirectoryNode | InodeNode

/** Throws NormalizeError `flatten-*`. */
export function flattenLayers(
  layers: readonly DirectoryNode[],
  profile: Profile,
  hasher: TaggedHash,
): DirectoryNode {
  const context = { hasher, profile }
  const root: Branch = {
    kind: 'branch',
    meta: impliedMeta(profile),
    base: undefined,
    changes: new Map(),
  }
  for (const [layer, tree] of layers.entries()) {
    applyDirectory(root, tree, { layer, path: '', profile })
  }
  for (const path of ABSENT_FILES) removeIf(root, path, profile, isEmptyFile)
  for (const path of ABSENT_DIRECTORIES) removeIf(root, path, profile, isEmptyDirectory)
  return finishBranch(root, '', context)
}

function impliedMeta(profile: Profile): Meta {
  const mtime = profile.mtimeClamp === undefined ? undefined : 0
  return { mode: IMPLIED_MODE, uid: 0, gid: 0, mtime, xattrs: [], records: [] }
}

interface Place {
  readonly layer: number
  readonly path: ByteString
  readonly profile: Profile
}

function fail(code: NormalizeError['code'], message: string, { layer, path }: Place): never {
  throw new NormalizeError(code, message, { layer, path: escapePath(fromByteString(path)) })
}

function below({ layer, path, profile }: Place, name: ByteString): Place {
  return { layer, path: path === '' ? name : `${path}/${name}`, profile }
}

function visible(node: TreeNode | undefined): DirectoryNode | InodeNode | undefined {
  return node?.kind === 'whiteout' ? undefined : node
}

function childOfBranch({ base, changes }: Branch, name: ByteString): Part | undefined {
  if (changes.has(name)) return changes.get(name)
  return base === undefined ? undefined : visible(childOf(base, name))
}

/** The directory as a branch that can be changed. */
function openBranch(
  parent: Branch,
  name: ByteString,
  node: DirectoryNode,
  profile: Profile,
): Branch {
  const meta = node.meta === undefined ? impliedMeta(profile) : withoutDriverXattrs(node.meta)
  const branch: Branch = { kind: 'branch', meta, base: node, changes: new Map() }
  parent.changes.set(name, branch)
  return branch
}

function applyDirectory(target: Branch, upper: DirectoryNode, place: Place): void {
  if (upper.opaque) {
    target.base = undefined
    target.changes.clear()
  }
  if (upper.meta !== undefined) target.meta = withoutDriverXattrs(upper.meta)
  if (target.base === undefined && target.changes.size === 0) {
    checkAlone(upper, place)
    target.base = upper
    return
  }
  for (const [name, node] of entriesOf(upper)) {
    if (node.kind === 'directory') {
      applyChild(target, name, node, below(place, name))
    } else if (node.kind === 'whiteout') {
      target.changes.set(name, undefined)
    } else {
      checkLeaf(node, place, name)
      target.changes.set(name, node)
    }
  }
}

/** Lays the directory `upper` over what `target` has under `name`. */
function applyChild(target: Branch, name: ByteString, upper: DirectoryNode, place: Place): void {
  const existing = childOfBranch(target, name)
  if (existing?.kind === 'branch') return applyDirectory(existing, upper, place)
  if (existing?.kind === 'directory') {
    // What is laid over an equal plain tree changes nothing.
    if (upper.plain && existing.plain && upper.hash === existing.hash) return
    applyDirectory(openBranch(target, name, existing, place.profile), upper, place)
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
  checkAlone(upper, place)
  target.changes.set(name, upper)
}

/** A directory with nothing of a lower layer beneath it. */
function checkAlone(node: DirectoryNode, place: Place): void {
  if (node.plain) return
  for (const [name, child] of entriesOf(node)) {
    if (child.kind === 'directory') checkAlone(child, below(place, name))
    else if (child.kind !== 'whiteout') checkLeaf(child, place, name)
  }
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
  if (meta.xattrs.length === 0) return meta
  const xattrs = meta.xattrs.filter((xattr) => !isDriverXattr(xattr))
  return xattrs.length === meta.xattrs.length ? meta : { ...meta, xattrs }
}

function removeIf(
  root: Branch,
  path: ByteString,
  profile: Profile,
  isAbsent: (node: Part) => boolean,
): void {
  const components = path.split('/')
  const name = components.pop() ?? ''
  const found = findPart(root, [...components, name])
  if (found === undefined || !isAbsent(found)) return
  let parent = root
  for (const component of components) {
    const child = childOfBranch(parent, component)
    if (child?.kind === 'branch') parent = child
    else if (child?.kind === 'directory') parent = openBranch(parent, component, child, profile)
  }
  parent.changes.set(name, undefined)
}

function findPart(root: Branch, components: readonly ByteString[]): Part | undefined {
  let found: Part | undefined = root
  for (const component of components) {
    if (found?.kind === 'branch') found = childOfBranch(found, component)
    else if (found?.kind === 'directory') found = visible(childOf(found, component))
    else return undefined
  }
  return found
}

function isEmptyFile(node: Part): boolean {
  return node.kind === 'file' && node.size === 0
}

function isEmptyDirectory(node: Part): boolean {
  if (node.kind !== 'branch' && node.kind !== 'directory') return false
  const base = node.kind === 'branch' ? node.base : node
  const changes = node.kind === 'branch' ? node.changes : undefined
  for (const change of changes?.values() ?? []) if (change !== undefined) return false
  if (base === undefined) return true
  for (const [name, child] of entriesOf(base)) {
    if (child.kind !== 'whiteout' && changes?.has(name) !== true) return false
  }
  return true
}

interface Finishing {
  readonly hasher: TaggedHash
  readonly profile: Profile
}

function finishBranch(branch: Branch, prefix: ByteString, context: Finishing): DirectoryNode {
  const { base, meta } = branch
  const changes = new Map<ByteString, TreeNode | undefined>()
  let count = 0
  for (const [name, part] of partsOf(branch)) {
    const finished = part === undefined ? undefined : finishPart(part, prefix + name, context)
    if (finished !== undefined) count++
    if (finished !== part || branch.changes.has(name)) changes.set(name, finished)
  }
  const hash = hashDirectoryOf(context.hasher, { meta, opaque: false }, count, (write) => {
    for (const [name, part] of partsOf(branch)) {
      const node = changes.has(name) ? changes.get(name) : (part as TreeNode | undefined)
      if (node !== undefined) write(name, node.kind, node.hash)
    }
  })
  if (base !== undefined) return new AlteredDirectory({ hash, meta, base, changes })
  const children = new Map<ByteString, TreeNode>()
  for (const [name, node] of changes) if (node !== undefined) children.set(name, node)
  const directory = { kind: 'directory' as const, meta, opaque: false, late: false, children }
  return { ...directory, plain: isPlainDirectory(directory), hash }
}

/**
 * All names of the branch, sorted, with what is under them now. A whiteout of the base is a name
 * with nothing under it.
 */
function* partsOf({
  base,
  changes,
}: Branch): Generator<readonly [ByteString, Part | TreeNode | undefined], void, undefined> {
  const sorted = [...changes].sort(([a], [b]) => compareByteStrings(a, b))
  let next = 0
  for (const [name, node] of base === undefined ? [] : entriesOf(base)) {
    for (; next < sorted.length; next++) {
      const change = sorted[next] as readonly [ByteString, Part | undefined]
      if (change[0] >= name) break
      yield change
    }
    if (sorted[next]?.[0] !== name) yield [name, node]
    else yield sorted[next++] as readonly [ByteString, Part | undefined]
  }
  for (; next < sorted.length; next++) yield sorted[next] as readonly [ByteString, Part | undefined]
}

/** The same object where nothing changes; undefined for a whiteout, which removes nothing here. */
function finishPart(
  part: Part | TreeNode,
  path: ByteString,
  context: Finishing,
): DirectoryNode | InodeNode | undefined {
  if (part.kind === 'branch') return finishBranch(part, `${path}/`, context)
  if (part.kind === 'whiteout') return undefined
  if (part.kind !== 'directory') return finishInode(part, path, context)
  if (part.plain) return part
  const { meta } = part
  const alone: Branch = {
    kind: 'branch',
    meta: meta === undefined ? impliedMeta(context.profile) : withoutDriverXattrs(meta),
    base: part,
    changes: new Map(),
  }
  return finishBranch(alone, `${path}/`, context)
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
