/**
 * A tree of nodes in one block of shared memory, about 100 bytes an entry.
 *
 * Threads hand trees to one another without copying or parsing them; what is opened is one
 * directory at a time, when its children are asked for. The hashes are those that were computed
 * when the tree was made: a packed tree is believed only where it was made by this process, or
 * where its bytes have been checked (layer-cache.ts).
 */
import type { ByteString } from '../../protocol/normalize/byte-string.ts'
import type {
  Attribute,
  DirectoryNode,
  InodeNode,
  LeafNode,
  Meta,
  NodeKind,
  TreeNode,
} from '../../protocol/normalize/tree.ts'

export interface PackedTree {
  readonly bytes: SharedArrayBuffer
  /** Where the record of the root stands in them. */
  readonly root: number
}

/** A tree that has directories of other packed trees in it, which are not packed again. */
export interface JoinedTree extends PackedTree {
  readonly parts: readonly PackedTree[]
}

const KINDS: readonly NodeKind[] = [
  'directory',
  'file',
  'symlink',
  'char',
  'block',
  'fifo',
  'whiteout',
  'xlink',
]
/** In the place of a kind: a directory of another packed tree. */
const ELSEWHERE = KINDS.length
const HASH_BYTES = 32
const OPAQUE = 1
const LATE = 2
const PLAIN = 4
/** Offset 0 holds no record, so it stands for none. */
const NONE = 0
const INITIAL_BYTES = 64 * 1024

export function packTree(root: DirectoryNode): PackedTree {
  return pack(root, [])
}

/** `parts`: opened trees (openTree) that `root` may have directories of. */
export function joinTrees(
  root: DirectoryNode,
  parts: readonly (PackedTree & { readonly opened: DirectoryNode })[],
): JoinedTree {
  return {
    ...pack(
      root,
      parts.map(({ opened }) => opened),
    ),
    parts: parts.map(({ bytes, root: at }) => ({ bytes, root: at })),
  }
}

function pack(root: DirectoryNode, parts: readonly DirectoryNode[]): PackedTree {
  const packer = new Packer(parts)
  const at = packer.pack(root)
  return { bytes: packer.finish(), root: at }
}

export function openTree(tree: PackedTree | JoinedTree): DirectoryNode {
  const parts = 'parts' in tree ? tree.parts : []
  const node = new Opener(tree.bytes, parts).node(tree.root)
  if (node.kind !== 'directory') throw new Error('the root of a packed tree is a directory')
  return node
}

class Packer {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #length = 1
  readonly #metas = new Map<Meta, number>()
  /** Leaves that stand under several names, each packed once. */
  readonly #shared = new Map<LeafNode, number>()
  readonly #parts: ReadonlyMap<Opener, number>

  constructor(parts: readonly DirectoryNode[]) {
    this.#parts = new Map(
      parts.flatMap((part, i) => (part instanceof PackedDirectory ? [[part.opener, i]] : [])),
    )
  }

  pack(node: TreeNode): number {
    if (node.kind === 'directory') return this.#packDirectory(node)
    const shared = node.kind === 'whiteout' || node.group !== undefined
    const known = shared ? this.#shared.get(node) : undefined
    if (known !== undefined) return known
    const at = this.#packLeaf(node)
    if (shared) this.#shared.set(node, at)
    return at
  }

  finish(): SharedArrayBuffer {
    const out = new SharedArrayBuffer(this.#length)
    new Uint8Array(out).set(this.#buffer.subarray(0, this.#length))
    return out
  }

  #packDirectory(node: DirectoryNode): number {
    if (node instanceof PackedDirectory) {
      const part = this.#parts.get(node.opener)
      if (part !== undefined) return this.#packElsewhere(part, node.at)
    }
    const children = [...node.children].map(([name, child]) => [name, this.pack(child)] as const)
    const meta = node.meta === undefined ? NONE : this.#packMeta(node.meta)
    const at = this.#begin(node)
    this.#u8((node.opaque ? OPAQUE : 0) | (node.late ? LATE : 0) | (node.plain ? PLAIN : 0))
    this.#u32(meta)
    this.#u32(children.length)
    for (const [name, child] of children) {
      this.#string(name)
      this.#u32(child)
    }
    return at
  }

  #packElsewhere(part: number, there: number): number {
    const at = this.#length
    this.#u8(ELSEWHERE)
    this.#u32(part)
    this.#u32(there)
    return at
  }

  #packLeaf(node: LeafNode): number {
    if (node.kind === 'whiteout') return this.#begin(node)
    const meta = this.#packMeta(node.meta)
    const at = this.#begin(node)
    this.#u32(meta)
    this.#u8(node.group === undefined ? 0 : 1)
    if (node.group !== undefined) this.#string(node.group)
    if (node.kind === 'file') {
      this.#f64(node.size)
      this.#raw(node.content)
      this.#u8(node.dropped ? 1 : 0)
    } else if (node.kind === 'symlink' || node.kind === 'xlink') {
      this.#string(node.target)
    } else if (node.kind !== 'fifo') {
      this.#u32(node.major)
      this.#u32(node.minor)
    }
    return at
  }

  #packMeta(meta: Meta): number {
    const known = this.#metas.get(meta)
    if (known !== undefined) return known
    const at = this.#length
    this.#u32(meta.mode)
    this.#u32(meta.uid)
    this.#u32(meta.gid)
    this.#u8(meta.mtime === undefined ? 0 : 1)
    this.#f64(meta.mtime ?? 0)
    for (const attributes of [meta.xattrs, meta.records]) {
      this.#u32(attributes.length)
      for (const { key, value } of attributes) {
        this.#string(key)
        this.#string(value)
      }
    }
    this.#metas.set(meta, at)
    return at
  }

  #begin(node: TreeNode): number {
    const at = this.#length
    this.#u8(KINDS.indexOf(node.kind))
    this.#raw(node.hash)
    return at
  }

  #u8(value: number): void {
    this.#reserve(1)
    this.#length = this.#buffer.writeUInt8(value, this.#length)
  }

  #u32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  #f64(value: number): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  #raw(text: ByteString): void {
    this.#reserve(text.length)
    this.#length += this.#buffer.write(text, this.#length, 'latin1')
  }

  #string(text: ByteString): void {
    this.#u32(text.length)
    this.#raw(text)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

class Opener {
  readonly #buffer: Buffer
  readonly #parts: readonly Opener[]
  readonly #metas = new Map<number, Meta>()

  constructor(bytes: SharedArrayBuffer, parts: readonly PackedTree[]) {
    this.#buffer = Buffer.from(bytes)
    this.#parts = parts.map((part) => new Opener(part.bytes, []))
  }

  node(at: number): TreeNode {
    const reader = new Reader(this.#buffer, at)
    const code = reader.u8()
    if (code === ELSEWHERE) return this.#elsewhere(reader)
    const kind = KINDS[code]
    const hash = reader.raw(HASH_BYTES)
    if (kind === undefined) throw new Error('a packed tree with an unknown kind of node')
    if (kind === 'whiteout') return { kind, hash }
    if (kind !== 'directory') return this.#inode(kind, hash, reader)
    const flags = reader.u8()
    const meta = reader.u32()
    const { at: children } = reader
    return new PackedDirectory({
      hash,
      meta: meta === NONE ? undefined : this.#meta(meta),
      opaque: (flags & OPAQUE) !== 0,
      late: (flags & LATE) !== 0,
      plain: (flags & PLAIN) !== 0,
      opener: this,
      at,
      open: () => this.#children(children),
    })
  }

  #elsewhere(reader: Reader): TreeNode {
    const part = this.#parts[reader.u32()]
    if (part === undefined) throw new Error('a packed tree with a part that is not there')
    return part.node(reader.u32())
  }

  #children(at: number): ReadonlyMap<ByteString, TreeNode> {
    const reader = new Reader(this.#buffer, at)
    const children = new Map<ByteString, TreeNode>()
    for (let left = reader.u32(); left > 0; left--) {
      const name = reader.string()
      children.set(name, this.node(reader.u32()))
    }
    return children
  }

  #inode(kind: InodeNode['kind'], hash: ByteString, reader: Reader): InodeNode {
    const meta = this.#meta(reader.u32())
    const group = reader.u8() === 0 ? undefined : reader.string()
    const common = { hash, meta, group }
    if (kind === 'file') {
      const size = reader.f64()
      const content = reader.raw(HASH_BYTES)
      return { kind, ...common, size, content, dropped: reader.u8() === 1 }
    }
    if (kind === 'symlink' || kind === 'xlink') return { kind, ...common, target: reader.string() }
    if (kind === 'fifo') return { kind, ...common }
    return { kind, ...common, major: reader.u32(), minor: reader.u32() }
  }

  #meta(at: number): Meta {
    const known = this.#metas.get(at)
    if (known !== undefined) return known
    const reader = new Reader(this.#buffer, at)
    const [mode, uid, gid] = [reader.u32(), reader.u32(), reader.u32()]
    const timed = reader.u8() === 1
    const mtime = reader.f64()
    const [xattrs, records] = [reader.attributes(), reader.attributes()]
    const meta = { mode, uid, gid, mtime: timed ? mtime : undefined, xattrs, records }
    // Those with attributes are seldom shared, and may be large.
    if (xattrs.length === 0 && records.length === 0) this.#metas.set(at, meta)
    return meta
  }
}

class PackedDirectory implements DirectoryNode {
  readonly kind = 'directory'
  readonly hash: ByteString
  readonly meta: Meta | undefined
  readonly opaque: boolean
  readonly late: boolean
  readonly plain: boolean
  /** What it was opened by, and where in its bytes it lies. */
  readonly opener: Opener
  readonly at: number
  readonly #open: () => ReadonlyMap<ByteString, TreeNode>
  /** Weak: a large tree is walked without ever being whole in memory. */
  #opened: WeakRef<ReadonlyMap<ByteString, TreeNode>> | undefined

  constructor(
    init: Omit<DirectoryNode, 'kind' | 'children'> & {
      readonly opener: Opener
      readonly at: number
      readonly open: () => ReadonlyMap<ByteString, TreeNode>
    },
  ) {
    this.hash = init.hash
    this.meta = init.meta
    this.opaque = init.opaque
    this.late = init.late
    this.plain = init.plain
    this.opener = init.opener
    this.at = init.at
    this.#open = init.open
  }

  get children(): ReadonlyMap<ByteString, TreeNode> {
    const known = this.#opened?.deref()
    if (known !== undefined) return known
    const children = this.#open()
    this.#opened = new WeakRef(children)
    return children
  }
}

class Reader {
  readonly #buffer: Buffer
  at: number

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer
    this.at = at
  }

  u8(): number {
    return this.#buffer.readUInt8(this.at++)
  }

  u32(): number {
    this.at += 4
    return this.#buffer.readUInt32LE(this.at - 4)
  }

  f64(): number {
    this.at += 8
    return this.#buffer.readDoubleLE(this.at - 8)
  }

  raw(length: number): ByteString {
    this.at += length
    return this.#buffer.toString('latin1', this.at - length, this.at)
  }

  string(): ByteString {
    return this.raw(this.u32())
  }

  attributes(): Attribute[] {
    return Array.from({ length: this.u32() }, () => ({ key: this.string(), value: this.string() }))
  }
}
