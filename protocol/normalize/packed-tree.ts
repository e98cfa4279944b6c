/**
 * A tree of nodes in one block of bytes, about 100 an entry.
 *
 * Readers of layers make trees so, and threads hand them to one another without copying or parsing
 * them; what is opened is one directory at a time, when its children are asked for. The hashes are
 * those that were computed when the tree was made: a packed tree is believed only where it was made
 * by this process, or where its bytes have been checked.
 */
import { AlteredDirectory } from './altered-directory.ts'
import { type ByteString, compareByteStrings } from './byte-string.ts'
import { type ByteStore, PlainByteStore, TreeBytes } from './tree-bytes.ts'
import {
  ALTERED,
  DIRECTORY_COUNT_AT,
  DIRECTORY_HASH_AT,
  ELSEWHERE,
  FLAG_LATE,
  FLAG_OPAQUE,
  FLAG_PLAIN,
  HASH_BYTES,
  KINDS,
  META_AT,
  NONE,
  RecordReader,
  RecordWriter,
} from './tree-record.ts'
import type { DirectoryNode, LeafNode, TreeNode } from './tree.ts'

export interface PackedTree {
  readonly bytes: ArrayBufferLike
  /** Where the record of the root stands in them. */
  readonly root: number
}

/** A tree that has directories of other packed trees in it, which are not packed again. */
export interface JoinedTree extends PackedTree {
  readonly parts: readonly PackedTree[]
}

/** Without work where `root` was opened from a packed tree of its own. */
export function packTree(root: DirectoryNode, store: ByteStore = new PlainByteStore()): PackedTree {
  const known = root instanceof PackedDirectory ? root.opener.treeOf(root) : undefined
  return known ?? pack(root, [], store)
}

/** `parts`: opened trees (openTree) that `root` may have directories of. */
export function joinTrees(
  root: DirectoryNode,
  parts: readonly (PackedTree & { readonly opened: DirectoryNode })[],
  store: ByteStore = new PlainByteStore(),
): JoinedTree {
  const opened = parts.map((part) => part.opened)
  return {
    ...pack(root, opened, store),
    parts: parts.map(({ bytes, root: at }) => ({ bytes, root: at })),
  }
}

function pack(root: DirectoryNode, parts: readonly DirectoryNode[], store: ByteStore): PackedTree {
  const packer = new Packer(parts, store)
  const at = packer.pack(root)
  return { bytes: store.buffer, root: at }
}

export function openTree(tree: PackedTree | JoinedTree): DirectoryNode {
  return new Opener(tree, 'parts' in tree ? tree.parts : []).root()
}

/** The children of any directory, sorted, one at a time where it is a packed one. */
export function entriesOf(
  node: DirectoryNode,
): Iterable<readonly [name: ByteString, child: TreeNode]> {
  return node instanceof PackedDirectory ? node.opener.entries(node.at) : node.children
}

export function childOf(node: DirectoryNode, name: ByteString): TreeNode | undefined {
  if (node instanceof PackedDirectory) return node.opener.child(node.at, name)
  return node.children.get(name)
}

class Packer {
  readonly #writer: RecordWriter
  /** Leaves that stand under several names, each packed once. */
  readonly #shared = new Map<LeafNode, number>()
  readonly #parts: ReadonlyMap<Opener, number>

  constructor(parts: readonly DirectoryNode[], store: ByteStore) {
    this.#writer = new RecordWriter(new TreeBytes(store))
    this.#parts = new Map(
      parts.flatMap((part, i) => (part instanceof PackedDirectory ? [[part.opener, i]] : [])),
    )
  }

  pack(node: TreeNode): number {
    if (node.kind === 'directory') return this.#packDirectory(node)
    const shared = node.kind === 'whiteout' || node.group !== undefined
    const known = shared ? this.#shared.get(node) : undefined
    if (known !== undefined) return known
    const at =
      node.kind === 'whiteout'
        ? this.#writer.whiteout(node.hash)
        : this.#writer.leaf(node, node.hash)
    if (shared) this.#shared.set(node, at)
    return at
  }

  #packDirectory(node: DirectoryNode): number {
    const writer = this.#writer
    if (node instanceof PackedDirectory) {
      const part = this.#parts.get(node.opener)
      if (part !== undefined) return writer.elsewhere(part, node.at)
    }
    if (node instanceof AlteredDirectory && node.base instanceof PackedDirectory) {
      const base = this.#parts.get(node.base.opener)
      if (base !== undefined) return this.#packAltered(node, { part: base, at: node.base.at })
    }
    const children: number[] = []
    for (const [name, child] of node.children) children.push(writer.name(name), this.pack(child))
    const meta = node.meta === undefined ? NONE : writer.meta(node.meta)
    const at = writer.directory(node, meta, children.length / 2)
    for (const offset of children) writer.bytes.u32(offset)
    return at
  }

  #packAltered(
    { meta, hash, changes }: AlteredDirectory,
    base: { readonly part: number; readonly at: number },
  ): number {
    const offsets: number[] = []
    for (const [name, node] of changes) {
      offsets.push(this.#writer.name(name), node === undefined ? NONE : this.pack(node))
    }
    return this.#writer.altered(base, this.#writer.meta(meta), hash, offsets)
  }
}

class Opener {
  readonly #tree: PackedTree
  readonly #reader: RecordReader
  readonly #parts: readonly Opener[]

  constructor(tree: PackedTree, parts: readonly PackedTree[]) {
    this.#tree = tree
    this.#reader = new RecordReader(tree.bytes)
    this.#parts = parts.map((part) => new Opener(part, []))
  }

  root(): DirectoryNode {
    const node = this.#node(this.#tree.root)
    if (node.kind !== 'directory') throw new Error('the root of a packed tree is a directory')
    return node
  }

  /** The tree that `node` is the root of, where it is one. */
  treeOf(node: PackedDirectory): PackedTree | undefined {
    return node.at === this.#tree.root && this.#parts.length === 0 ? this.#tree : undefined
  }

  /** Of the directory at `at`, sorted. */
  *entries(at: number): Generator<readonly [ByteString, TreeNode], void, undefined> {
    const reader = this.#reader
    let next = at + DIRECTORY_COUNT_AT + 4
    for (let left = reader.u32(at + DIRECTORY_COUNT_AT); left > 0; left--, next += 8) {
      yield [reader.name(reader.u32(next)), this.#node(reader.u32(next + 4))]
    }
  }

  child(at: number, name: ByteString): TreeNode | undefined {
    const reader = this.#reader
    const first = at + DIRECTORY_COUNT_AT + 4
    let low = 0
    let high = reader.u32(at + DIRECTORY_COUNT_AT)
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = first + middle * 8
      const order = compareByteStrings(name, reader.name(reader.u32(entry)))
      if (order === 0) return this.#node(reader.u32(entry + 4))
      if (order < 0) high = middle
      else low = middle + 1
    }
    return undefined
  }

  #node(at: number): TreeNode {
    const reader = this.#reader
    const code = reader.code(at)
    if (code === ELSEWHERE) return this.#elsewhere(reader.u32(at + 1), reader.u32(at + 5))
    if (code === ALTERED) return this.#altered(at)
    const kind = KINDS[code]
    if (kind === undefined) throw new Error('a packed tree with an unknown kind of node')
    if (kind === 'whiteout') return { kind, hash: reader.whiteoutHash(at) }
    if (kind !== 'directory') return reader.inode(kind, at)
    const flags = reader.flags(at)
    const meta = reader.u32(at + META_AT)
    return new PackedDirectory(this, at, {
      hash: reader.hash(at + DIRECTORY_HASH_AT),
      meta: meta === NONE ? undefined : reader.meta(meta),
      opaque: (flags & FLAG_OPAQUE) !== 0,
      late: (flags & FLAG_LATE) !== 0,
      plain: (flags & FLAG_PLAIN) !== 0,
    })
  }

  #altered(at: number): TreeNode {
    const reader = this.#reader
    const base = this.#elsewhere(reader.u32(at + 1), reader.u32(at + 5))
    if (base.kind !== 'directory') throw new Error('a packed tree with a changed non-directory')
    const changes = new Map<ByteString, TreeNode | undefined>()
    let next = at + 13 + HASH_BYTES
    for (let left = reader.u32(next); left > 0; left--) {
      const name = reader.name(reader.u32(next + 4))
      const record = reader.u32(next + 8)
      changes.set(name, record === NONE ? undefined : this.#node(record))
      next += 8
    }
    const meta = reader.meta(reader.u32(at + 9))
    return new AlteredDirectory({ hash: reader.hash(at + 13), meta, base, changes })
  }

  #elsewhere(index: number, at: number): TreeNode {
    const part = this.#parts[index]
    if (part === undefined) throw new Error('a packed tree with a part that is not there')
    return part.#node(at)
  }
}

class PackedDirectory implements DirectoryNode {
  readonly kind = 'directory'
  readonly hash: ByteString
  readonly meta: DirectoryNode['meta']
  readonly opaque: boolean
  readonly late: boolean
  readonly plain: boolean
  /** What it was opened by, and where in its bytes it lies. */
  readonly opener: Opener
  readonly at: number
  /** Weak: a large tree is walked without ever being whole in memory. */
  #children: WeakRef<ReadonlyMap<ByteString, TreeNode>> | undefined

  constructor(opener: Opener, at: number, init: Omit<DirectoryNode, 'kind' | 'children'>) {
    this.opener = opener
    this.at = at
    this.hash = init.hash
    this.meta = init.meta
    this.opaque = init.opaque
    this.late = init.late
    this.plain = init.plain
  }

  get children(): ReadonlyMap<ByteString, TreeNode> {
    const known = this.#children?.deref()
    if (known !== undefined) return known
    const children = new Map(this.opener.entries(this.at))
    this.#children = new WeakRef(children)
    return children
  }
}
