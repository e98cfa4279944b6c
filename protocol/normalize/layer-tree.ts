/**
 * The tree of a layer while its entries arrive.
 *
 * A function of the set of entries: what may not depend on their order (duplicates, parents,
 * whiteouts beside their targets, hardlinks before theirs) is an error here. Faults are
 * NormalizeErrors without a place, but for those that only the whole layer shows.
 */
import { escapePath } from '../escape-path.ts'
import { type ByteString, compareByteStrings, detach, fromByteString } from './byte-string.ts'
import type { EntryPath } from './entry-path.ts'
import type { NormalizeLimits } from './limits.ts'
import { equalAttributes, equalMeta, metaBytes } from './meta.ts'
import { hashDirectory, hashLeaf } from './node-encoding.ts'
import { NormalizeError, type NormalizeErrorPlace } from './normalize-error.ts'
import { isPlainDirectory } from './plain-tree.ts'
import type { Profile } from './profile.ts'
import type { TaggedHash } from './tagged-hash.ts'
import type { DirectoryNode, InodeNode, Meta, WhiteoutNode, XlinkNode } from './tree.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type MutableInode = InodeNode extends infer N ? (N extends InodeNode ? Mutable<N> : never) : never
type Branch = Mutable<Omit<DirectoryNode, 'children'>> & { children: Map<ByteString, Node> }
type Node = Branch | MutableInode | WhiteoutNode

/** What an entry that is neither a directory, a hardlink nor a whiteout is. */
export type NewInode = InodeNode extends infer N
  ? N extends InodeNode
    ? Omit<N, 'hash' | 'group' | 'dropped'>
    : never
  : never

/** A file whose content is still being read; its digest is set when it has been. */
export interface OpenFile {
  content: ByteString
}

interface Xlink {
  readonly node: Mutable<XlinkNode>
  readonly firstPath: ByteString
  readonly target: EntryPath
  readonly place: NormalizeErrorPlace
}

export interface LayerTreeInit {
  readonly profile: Profile
  readonly limits: NormalizeLimits
}

export class LayerTree {
  readonly #profile: Profile
  readonly #limits: NormalizeLimits
  readonly #root: Branch = newBranch()
  readonly #xlinks = new Map<ByteString, Xlink>()
  readonly #whiteout: Mutable<WhiteoutNode> = { kind: 'whiteout', hash: '' }
  #entries = 0
  #metadataBytes = 0

  constructor(init: LayerTreeInit) {
    this.#profile = init.profile
    this.#limits = init.limits
  }

  /** Entries, and parents that they only imply. */
  get entries(): number {
    return this.#entries
  }

  get metadataBytes(): number {
    return this.#metadataBytes
  }

  addDirectory(entry: EntryPath, meta: Meta): void {
    const name = entry.components.at(-1)
    if (name === undefined) {
      this.#count(1, metaBytes(meta))
      this.#explain(this.#root, meta)
      return
    }
    const parent = this.#openParent(entry)
    const existing = parent.children.get(name)
    if (existing === undefined) {
      this.#insert(parent, name, { ...newBranch(), meta }, metaBytes(meta))
    } else if (existing.kind === 'directory') {
      this.#count(1, metaBytes(meta))
      this.#explain(existing, meta)
    } else {
      this.#refuseExisting(existing)
    }
  }

  /** Anything with one content of its own. The result is for setting a file's content. */
  addInode(entry: EntryPath, inode: NewInode): OpenFile {
    const node = { ...inode, hash: '', group: undefined } as MutableInode
    if (node.kind === 'file') node.dropped = this.#profile.drop.has(entry.path)
    const extra = inode.kind === 'symlink' ? inode.target.length : 0
    this.#insertLeaf(entry, node, metaBytes(inode.meta) + extra)
    return node as MutableInode & OpenFile
  }

  /** A hardlink, to an inode of this layer or of a lower one. `place` is for errors at the end. */
  addHardlink(
    entry: EntryPath,
    target: EntryPath,
    meta: Meta,
    modeKind: InodeNode['kind'] | undefined,
    place: NormalizeErrorPlace,
  ): void {
    const found = this.#find(target)
    if (found?.kind === 'directory') fail('hardlink-target-directory', 'a hardlink to a directory')
    if (found !== undefined && found.kind !== 'whiteout') {
      checkModeKind(modeKind, found.kind === 'xlink' ? 'file' : found.kind)
      checkSameMeta(found, meta)
      this.#insertLeaf(entry, found, 0)
      this.#joinGroup(found, target.path, entry.path)
      return
    }
    checkModeKind(modeKind, 'file')
    this.#addXlink(entry, target, meta, place)
  }

  /** A deletion of `entry`, whose last component is without its prefix. */
  addWhiteout(entry: EntryPath): void {
    const { parent, name } = this.#openLeaf(entry)
    const existing = parent.children.get(name)
    if (existing?.kind === 'whiteout') fail('duplicate', 'a whiteout twice')
    if (existing !== undefined) fail('whiteout-target', 'a whiteout beside what it removes')
    this.#insert(parent, name, this.#whiteout, 0)
  }

  /** Marks the parent of `entry` as hiding everything that lower layers have beneath it. */
  addOpaque(entry: EntryPath): void {
    const parent = this.#openParent(entry)
    if (parent.opaque) fail('duplicate', 'an opaque marker twice')
    parent.opaque = true
    this.#count(1, 0)
  }

  /** Hashes a file whose content is known, ahead of the end: others are waiting for bytes then. */
  closeFile(file: OpenFile, hasher: TaggedHash): void {
    const node = file as MutableInode
    if (node.group === undefined) node.hash = hashLeaf(hasher, node)
  }

  /** The checks that need the whole layer, then all hashes. The tree takes no more entries. */
  finish(hasher: TaggedHash): DirectoryNode {
    for (const xlink of this.#xlinks.values()) this.#checkXlink(xlink)
    this.#whiteout.hash = hashLeaf(hasher, this.#whiteout)
    finishBranch(this.#root, hasher)
    return this.#root
  }

  #addXlink(entry: EntryPath, target: EntryPath, meta: Meta, place: NormalizeErrorPlace): void {
    const known = this.#xlinks.get(target.path)
    if (known !== undefined) {
      // Two links to one lower inode are one inode, as a link to the first of them would be.
      checkSameMeta(known.node, meta)
      this.#insertLeaf(entry, known.node, 0)
      this.#joinGroup(known.node, known.firstPath, entry.path)
      return
    }
    const node: Mutable<XlinkNode> = {
      kind: 'xlink',
      meta,
      group: undefined,
      target: target.path,
      hash: '',
    }
    this.#insertLeaf(entry, node, metaBytes(meta) + entry.path.length + target.path.length)
    this.#xlinks.set(target.path, { node, firstPath: entry.path, target, place })
  }

  #joinGroup(node: MutableInode, first: ByteString, second: ByteString): void {
    const before = node.group ?? first
    if (node.group === undefined) this.#count(0, first.length)
    node.group = before < second ? before : second
    node.hash = ''
    // One name that is not dropped lets the content be seen.
    if (node.kind === 'file') node.dropped &&= this.#profile.drop.has(second)
  }

  /** A target that turned up later, or that this layer hides, would depend on the order. */
  #checkXlink({ target, firstPath, place: { layer, entry, offset } }: Xlink): void {
    const place = { layer, entry, offset, path: escapePath(fromByteString(firstPath)) }
    let branch = this.#root
    for (const [i, name] of target.components.entries()) {
      const node = branch.children.get(name)
      const hidden = branch.opaque || node?.kind === 'whiteout'
      const last = i === target.components.length - 1
      if (node !== undefined && node.kind !== 'whiteout' && last) {
        fail('hardlink-target-later', 'a hardlink before its target', place)
      }
      if (hidden || (node !== undefined && node.kind !== 'directory')) {
        fail('hardlink-target-hidden', 'a hardlink to what this layer hides or replaces', place)
      }
      if (node === undefined) return
      branch = node
    }
  }

  #find(path: EntryPath): Node | undefined {
    let node: Node = this.#root
    for (const name of path.components) {
      if (node.kind !== 'directory') return undefined
      const child: Node | undefined = node.children.get(name)
      if (child === undefined) return undefined
      node = child
    }
    return node
  }

  /** The directory that an entry lies in, implied where it has no entry of its own yet. */
  #openParent(entry: EntryPath): Branch {
    let branch = this.#root
    const last = entry.components.length - 1
    for (let i = 0; i < last; i++) {
      const name = entry.components[i] as ByteString
      const child = branch.children.get(name)
      if (child === undefined) {
        const implied = newBranch()
        this.#insert(branch, name, implied, 0)
        branch = implied
      } else if (child.kind === 'directory') {
        branch = child
      } else if (child.kind === 'whiteout') {
        fail('whiteout-target', 'an entry beneath what a whiteout removes')
      } else {
        fail('parent-not-directory', 'an entry beneath something that is no directory')
      }
    }
    return branch
  }

  #openLeaf(entry: EntryPath): { readonly parent: Branch; readonly name: ByteString } {
    const name = entry.components.at(-1)
    if (name === undefined) throw new Error('the root is no leaf')
    return { parent: this.#openParent(entry), name }
  }

  #insertLeaf(entry: EntryPath, node: MutableInode, metadataBytes: number): void {
    const { parent, name } = this.#openLeaf(entry)
    const existing = parent.children.get(name)
    if (existing !== undefined) this.#refuseExisting(existing)
    this.#insert(parent, name, node, metadataBytes)
  }

  #refuseExisting(existing: Node): never {
    if (existing.kind === 'whiteout') fail('whiteout-target', 'a whiteout beside what it removes')
    if (existing.kind === 'directory' && existing.meta === undefined) {
      fail('parent-not-directory', 'no directory, and there are entries beneath it')
    }
    fail('duplicate', 'a path twice')
  }

  /** A directory's own entry, its first or a repeat of it. */
  #explain(branch: Branch, meta: Meta): void {
    if (branch.meta === undefined) {
      branch.late = branch.children.size > 0 || branch.opaque
      branch.meta = meta
    } else if (!equalMeta(branch.meta, meta)) {
      fail('duplicate', 'a directory twice, and not the same')
    }
  }

  #insert(parent: Branch, name: ByteString, node: Node, metadataBytes: number): void {
    this.#count(1, name.length + metadataBytes)
    parent.children.set(detach(name), node)
  }

  #count(entries: number, metadataBytes: number): void {
    this.#entries += entries
    this.#metadataBytes += metadataBytes
    const { maxLayerEntries, maxLayerMetadataBytes } = this.#limits
    if (this.#entries > maxLayerEntries) {
      fail('limit-entries', `more than ${maxLayerEntries} entries and implied parents`)
    }
    if (this.#metadataBytes > maxLayerMetadataBytes) {
      fail('limit-metadata', `more than ${maxLayerMetadataBytes} bytes of metadata`)
    }
  }
}

function fail(code: NormalizeError['code'], message: string, place?: NormalizeErrorPlace): never {
  throw new NormalizeError(code, message, place)
}

function newBranch(): Branch {
  return {
    kind: 'directory',
    meta: undefined,
    opaque: false,
    late: false,
    plain: false,
    children: new Map(),
    hash: '',
  }
}

function checkModeKind(
  modeKind: InodeNode['kind'] | undefined,
  kind: Exclude<InodeNode['kind'], 'xlink'>,
): void {
  if (modeKind !== undefined && modeKind !== kind) {
    fail('mode-type', 'a hardlink whose mode has the file-type bits of something else')
  }
}

/** A hardlink names an inode and cannot change it. */
function checkSameMeta(target: InodeNode, link: Meta): void {
  const { meta } = target
  const mode = target.kind === 'symlink' ? meta.mode : link.mode
  const same = meta.mode === mode && meta.uid === link.uid && meta.gid === link.gid
  const xattrs = link.xattrs.length === 0 || equalAttributes(meta.xattrs, link.xattrs)
  const records = link.records.length === 0 || equalAttributes(meta.records, link.records)
  if (!same || !xattrs || !records || meta.mtime !== link.mtime) {
    fail('hardlink-meta', 'a hardlink whose mode, owner or attributes are not those of its target')
  }
}

function finishBranch(branch: Branch, hasher: TaggedHash): void {
  const sorted = [...branch.children].sort(([a], [b]) => compareByteStrings(a, b))
  for (const [, child] of sorted) {
    if (child.kind === 'directory') finishBranch(child, hasher)
    else if (child.kind !== 'whiteout' && child.hash === '') child.hash = hashLeaf(hasher, child)
  }
  branch.children = new Map(sorted)
  branch.plain = isPlainDirectory(branch)
  branch.hash = hashDirectory(hasher, branch)
}
