/**
 * The tree of a layer while its entries arrive.
 *
 * A function of the set of entries: what may not depend on their order (duplicates, parents,
 * whiteouts beside their targets, hardlinks before theirs) is an error here. Faults are
 * NormalizeErrors without a place, but for those that only the whole layer shows.
 *
 * An entry takes some thirty bytes of memory, since a layer may have a million: a leaf is written
 * down (tree-record.ts) as soon as it is known, and names are found by a table (entry-table.ts).
 */
import { escapePath } from '../escape-path.ts'
import { BranchList } from './branch-list.ts'
import { type ByteString, fromByteString } from './byte-string.ts'
import type { EntryPath } from './entry-path.ts'
import { EntryTable } from './entry-table.ts'
import type { HashKey } from './half-sip-hash.ts'
import type { NormalizeLimits } from './limits.ts'
import { equalAttributes, equalMeta, metaBytes } from './meta.ts'
import { hashLeaf } from './node-encoding.ts'
import { NormalizeError, type NormalizeErrorPlace } from './normalize-error.ts'
import type { Profile } from './profile.ts'
import type { TaggedHash } from './tagged-hash.ts'
import { type BlockStore, TreeBytes } from './tree-bytes.ts'
import { finishTree } from './tree-finish.ts'
import { FLAG_DROPPED, RecordReader, RecordWriter } from './tree-record.ts'
import type { DirectoryNode, InodeNode, Meta, NodeKind } from './tree.ts'
import { type Xlink, XlinkTable } from './xlink-table.ts'

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

interface PendingFile extends OpenFile {
  readonly entry: number
  readonly node: InodeNode & { readonly kind: 'file' }
}

export interface LayerTreeInit {
  readonly profile: Profile
  readonly limits: NormalizeLimits
  readonly hasher: TaggedHash
  /** Where the tree is put down. */
  readonly store: BlockStore
  readonly hashKey: HashKey
}

export class LayerTree {
  readonly #profile: Profile
  readonly #limits: NormalizeLimits
  readonly #hasher: TaggedHash
  readonly #bytes: TreeBytes
  readonly #writer: RecordWriter
  readonly #reader: RecordReader
  readonly #hashKey: HashKey
  readonly #table: EntryTable
  readonly #branches = new BranchList()
  #xlinks: XlinkTable | undefined
  /** Index of the layer, of which all entries are. */
  #layer: number | undefined
  /** Entries of one directory follow one another, mostly. */
  #lastParent: { readonly path: ByteString; readonly branch: number } | undefined
  #entries = 0
  #metadataBytes = 0

  constructor(init: LayerTreeInit) {
    this.#profile = init.profile
    this.#limits = init.limits
    this.#hasher = init.hasher
    this.#bytes = new TreeBytes(init.store)
    this.#writer = new RecordWriter(this.#bytes)
    this.#reader = new RecordReader(this.#bytes)
    this.#hashKey = init.hashKey
    this.#table = new EntryTable(this.#bytes, init.hashKey)
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
      this.#explain(BranchList.root, meta)
      return
    }
    const parent = this.#openParent(entry, name)
    const existing = this.#table.find(parent, name)
    if (existing === undefined) {
      const branch = this.#insertBranch(parent, name, metaBytes(meta))
      this.#branches.setMeta(branch, this.#writer.meta(meta))
    } else if (this.#table.kind(existing) === 'directory') {
      this.#count(1, metaBytes(meta))
      this.#explain(this.#table.get(existing), meta)
    } else {
      this.#refuseExisting(existing)
    }
  }

  /** Anything with one content of its own. The result is for setting a file's content. */
  addInode(entry: EntryPath, inode: NewInode): OpenFile {
    const extra = inode.kind === 'symlink' ? inode.target.length : 0
    const added = this.#insertLeaf(entry, inode.kind, metaBytes(inode.meta) + extra)
    const unhashed = { ...inode, group: undefined, hash: '' }
    if (unhashed.kind === 'file') {
      const dropped = this.#profile.drop.has(entry.path)
      const file: PendingFile = { content: '', entry: added, node: { ...unhashed, dropped } }
      return file
    }
    const node = unhashed as InodeNode
    this.#table.set(added, this.#writer.leaf(node, hashLeaf(this.#hasher, node)))
    return { content: '' }
  }

  /** Says that the content of a file that was added is known. */
  closeFile(file: OpenFile): void {
    const { entry, node, content } = file as PendingFile
    const closed = { ...node, content }
    this.#table.set(entry, this.#writer.leaf(closed, hashLeaf(this.#hasher, closed)))
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
    const kind = found === undefined ? undefined : this.#table.kind(found)
    if (kind === 'directory') fail('hardlink-target-directory', 'a hardlink to a directory')
    if (found === undefined || kind === undefined || kind === 'whiteout') {
      checkModeKind(modeKind, 'file')
      this.#addXlink(entry, target, meta, place)
      return
    }
    checkModeKind(modeKind, kind === 'xlink' ? 'file' : kind)
    this.#addName(entry, kind, this.#table.get(found), meta, target.path)
  }

  /** A deletion of `entry`, whose last component is without its prefix. */
  addWhiteout(entry: EntryPath): void {
    const { parent, name } = this.#openLeaf(entry)
    const existing = this.#table.find(parent, name)
    if (existing !== undefined && this.#table.kind(existing) === 'whiteout') {
      fail('duplicate', 'a whiteout twice')
    }
    if (existing !== undefined) fail('whiteout-target', 'a whiteout beside what it removes')
    this.#insert(parent, name, 'whiteout', 0)
  }

  /** Marks the parent of `entry` as hiding everything that lower layers have beneath it. */
  addOpaque(entry: EntryPath): void {
    const parent = this.#openParent(entry, entry.components.at(-1) ?? '')
    if (this.#branches.isOpaque(parent)) fail('duplicate', 'an opaque marker twice')
    this.#branches.setOpaque(parent)
    this.#count(1, 0)
  }

  /** The checks that need the whole layer, then all hashes. The tree takes no more entries. */
  finish(): DirectoryNode {
    for (const xlink of this.#xlinks?.all() ?? []) this.#checkXlink(xlink)
    return finishTree({
      hasher: this.#hasher,
      writer: this.#writer,
      reader: this.#reader,
      table: this.#table,
      branches: this.#branches,
    })
  }

  #addXlink(entry: EntryPath, target: EntryPath, meta: Meta, place: NormalizeErrorPlace): void {
    this.#xlinks ??= new XlinkTable(this.#writer, this.#bytes, this.#hashKey)
    const known = this.#xlinks.find(target.path)
    if (known !== undefined) {
      // Two links to one lower inode are one inode, as a link to the first of them would be.
      this.#addName(entry, 'xlink', known.record, meta, known.firstPath)
      return
    }
    const extra = entry.path.length + target.path.length
    const added = this.#insertLeaf(entry, 'xlink', metaBytes(meta) + extra)
    const node = { kind: 'xlink' as const, meta, group: undefined, target: target.path }
    const record = this.#writer.leaf(node, hashLeaf(this.#hasher, node))
    this.#table.set(added, record)
    this.#layer = place.layer
    this.#xlinks.add(target.path, {
      record,
      firstPath: entry.path,
      entry: place.entry ?? 0,
      offset: place.offset ?? 0,
    })
  }

  /** One more name of the inode whose record is at `at`; `first` is one that it has. */
  #addName(
    entry: EntryPath,
    kind: InodeNode['kind'],
    at: number,
    meta: Meta,
    first: ByteString,
  ): void {
    const inode = this.#reader.inode(kind, at)
    checkSameMeta(inode, meta)
    this.#table.set(this.#insertLeaf(entry, kind, 0), at)
    const { group } = inode
    if (group === undefined) this.#count(0, first.length)
    const before = group ?? first
    const path = before < entry.path ? before : entry.path
    if (path !== group) this.#writer.setGroup(at, this.#writer.string(path))
    // One name that is not dropped lets the content be seen.
    if (inode.kind === 'file' && inode.dropped && !this.#profile.drop.has(entry.path)) {
      this.#writer.setFlags(at, this.#reader.flags(at) & ~FLAG_DROPPED)
    }
  }

  /** A target that turned up later, or that this layer hides, would depend on the order. */
  #checkXlink({ target, firstPath, entry, offset }: Xlink & { readonly target: ByteString }): void {
    const path = escapePath(fromByteString(firstPath))
    const place = { layer: this.#layer, entry, offset, path }
    let branch: number = BranchList.root
    const components = target.split('/')
    for (const [i, name] of components.entries()) {
      const found = this.#table.find(branch, name)
      const kind = found === undefined ? undefined : this.#table.kind(found)
      const hidden = this.#branches.isOpaque(branch) || kind === 'whiteout'
      const last = i === components.length - 1
      if (kind !== undefined && kind !== 'whiteout' && last) {
        fail('hardlink-target-later', 'a hardlink before its target', place)
      }
      if (hidden || (kind !== undefined && kind !== 'directory')) {
        fail('hardlink-target-hidden', 'a hardlink to what this layer hides or replaces', place)
      }
      if (found === undefined) return
      branch = this.#table.get(found)
    }
  }

  /** Undefined for what is not there, and for the root's own path too. */
  #find(path: EntryPath): number | undefined {
    let branch: number = BranchList.root
    let found: number | undefined
    for (const [i, name] of path.components.entries()) {
      found = this.#table.find(branch, name)
      if (found === undefined || i === path.components.length - 1) return found
      if (this.#table.kind(found) !== 'directory') return undefined
      branch = this.#table.get(found)
    }
    return found
  }

  /** The directory that an entry lies in, implied where it has no entry of its own yet. */
  #openParent(entry: EntryPath, name: ByteString): number {
    const path = entry.path.slice(0, Math.max(0, entry.path.length - name.length - 1))
    if (this.#lastParent?.path === path) return this.#lastParent.branch
    let branch: number = BranchList.root
    const last = entry.components.length - 1
    for (let i = 0; i < last; i++) {
      const component = entry.components[i] as ByteString
      const child = this.#table.find(branch, component)
      const kind = child === undefined ? undefined : this.#table.kind(child)
      if (child === undefined) branch = this.#insertBranch(branch, component, 0)
      else if (kind === 'directory') branch = this.#table.get(child)
      else if (kind === 'whiteout') {
        fail('whiteout-target', 'an entry beneath what a whiteout removes')
      } else {
        fail('parent-not-directory', 'an entry beneath something that is no directory')
      }
    }
    this.#lastParent = { path, branch }
    return branch
  }

  #openLeaf(entry: EntryPath): { readonly parent: number; readonly name: ByteString } {
    const name = entry.components.at(-1)
    if (name === undefined) throw new Error('the root is no leaf')
    return { parent: this.#openParent(entry, name), name }
  }

  #insertLeaf(entry: EntryPath, kind: NodeKind, metadataBytes: number): number {
    const { parent, name } = this.#openLeaf(entry)
    const existing = this.#table.find(parent, name)
    if (existing !== undefined) this.#refuseExisting(existing)
    return this.#insert(parent, name, kind, metadataBytes)
  }

  #refuseExisting(existing: number): never {
    const kind = this.#table.kind(existing)
    if (kind === 'whiteout') fail('whiteout-target', 'a whiteout beside what it removes')
    if (kind === 'directory' && !this.#branches.isExplained(this.#table.get(existing))) {
      fail('parent-not-directory', 'no directory, and there are entries beneath it')
    }
    fail('duplicate', 'a path twice')
  }

  /** A directory's own entry, its first or a repeat of it. */
  #explain(branch: number, meta: Meta): void {
    const branches = this.#branches
    if (!branches.isExplained(branch)) {
      if (branches.hasChildren(branch) || branches.isOpaque(branch)) branches.setLate(branch)
      branches.setMeta(branch, this.#writer.meta(meta))
    } else if (!equalMeta(this.#reader.meta(branches.metaOf(branch)), meta)) {
      fail('duplicate', 'a directory twice, and not the same')
    }
  }

  #insertBranch(parent: number, name: ByteString, metadataBytes: number): number {
    const entry = this.#insert(parent, name, 'directory', metadataBytes)
    const branch = this.#branches.add()
    this.#table.set(entry, branch)
    return branch
  }

  #insert(parent: number, name: ByteString, kind: NodeKind, metadataBytes: number): number {
    this.#count(1, name.length + metadataBytes)
    const entry = this.#table.add(parent, name, kind, this.#branches.lastChild(parent))
    this.#branches.setLastChild(parent, entry)
    return entry
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
