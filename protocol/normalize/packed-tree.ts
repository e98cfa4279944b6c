/**
 * A tree of nodes in blocks of bytes, about 100 an entry, wherever the blocks lie.
 *
 * Readers of layers make trees so, and threads hand them to one another without copying or parsing
 * them; what is opened is one directory at a time, when its children are asked for. The hashes are
 * those that were computed when the tree was made: a packed tree is believed only where it was made
 * by this process, or where its bytes have been checked.
 */
import { type ByteString, compareByteStrings } from './byte-string.ts'
import type { Named } from './merge-by-name.ts'
import type { BlockSource } from './tree-bytes.ts'
import { FLAG_LATE, FLAG_OPAQUE, FLAG_PLAIN, RecordReader } from './tree-record.ts'
import type { DirectoryNode, TreeNode } from './tree.ts'

export interface PackedTree {
  readonly blocks: BlockSource
  /** Where the record of the root stands in them. */
  readonly root: number
  /** Trees that nodes of this one lie in. */
  readonly parts?: readonly PackedTree[]
}

export function openTree(tree: PackedTree): DirectoryNode {
  return new TreeOpener(tree).root()
}

/** What `root` was opened from. Throws Error for any other directory. */
export function packedTree(root: DirectoryNode): PackedTree {
  return openerOf(root).tree
}

/** The same, to be read by offsets. */
export function openerOf(root: DirectoryNode): TreeOpener {
  if (root instanceof PackedDirectory && root.at === root.opener.tree.root) return root.opener
  throw new Error('not the root of a packed tree')
}

export function childOf(node: DirectoryNode, name: ByteString): TreeNode | undefined {
  if (node instanceof PackedDirectory) return node.opener.child(node.at, name)
  return node.children.get(name)
}

export class TreeOpener {
  readonly tree: PackedTree
  readonly reader: RecordReader
  readonly #parts: readonly TreeOpener[]

  constructor(tree: PackedTree) {
    this.tree = tree
    this.reader = new RecordReader(tree.blocks)
    this.#parts = (tree.parts ?? []).map((part) => new TreeOpener(part))
  }

  root(): DirectoryNode {
    const node = this.node(this.tree.root)
    if (node.kind !== 'directory') throw new Error('the root of a packed tree is a directory')
    return node
  }

  /** Names and records of the directory at `at`, sorted. */
  *records(at: number): Generator<Named<number>, void, undefined> {
    const { reader } = this
    const count = reader.count(at)
    for (let i = 0; i < count; i++) yield [reader.childName(at, i), reader.child(at, i)]
  }

  *entries(at: number): Generator<Named<TreeNode>, void, undefined> {
    for (const [name, record] of this.records(at)) yield [name, this.node(record)]
  }

  child(at: number, name: ByteString): TreeNode | undefined {
    const { reader } = this
    let low = 0
    let high = reader.count(at)
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareByteStrings(name, reader.childName(at, middle))
      if (order === 0) return this.node(reader.child(at, middle))
      if (order < 0) high = middle
      else low = middle + 1
    }
    return undefined
  }

  node(at: number): TreeNode {
    const { reader } = this
    const kind = reader.kind(at)
    if (kind === undefined) {
      const there = reader.there(at)
      const part = this.#parts[there.part]
      if (part === undefined) throw new Error('a packed tree with a part that is not there')
      return part.node(there.at)
    }
    if (kind === 'whiteout') return { kind, hash: reader.hash(at) }
    if (kind !== 'directory') return reader.inode(kind, at)
    const flags = reader.flags(at)
    return new PackedDirectory(this, at, {
      hash: reader.hash(at),
      meta: reader.metaOf(at),
      opaque: (flags & FLAG_OPAQUE) !== 0,
      late: (flags & FLAG_LATE) !== 0,
      plain: (flags & FLAG_PLAIN) !== 0,
    })
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
  readonly opener: TreeOpener
  readonly at: number
  /** Weak: a large tree is walked without ever being whole in memory. */
  #children: WeakRef<ReadonlyMap<ByteString, TreeNode>> | undefined

  constructor(opener: TreeOpener, at: number, init: Omit<DirectoryNode, 'kind' | 'children'>) {
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
