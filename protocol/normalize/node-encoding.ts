/**
 * The preimages of tree nodes, and their hashes. README.md, "Encoding".
 *
 * A member of a hardlink group is written as the whole inode with the group's smallest path, so
 * which member the tar stored, in which order and through which chain, cannot be seen.
 */
import type { ByteString } from './byte-string.ts'
import { ByteWriter } from './byte-writer.ts'
import type { TaggedHash } from './tagged-hash.ts'
import type {
  Attribute,
  DirectoryNode,
  InodeNode,
  LeafNode,
  Meta,
  NodeKind,
  TreeNode,
} from './tree.ts'

export const KIND_BYTES: Readonly<Record<NodeKind, number>> = Object.freeze({
  directory: 1,
  file: 2,
  symlink: 3,
  char: 4,
  block: 5,
  fifo: 6,
  whiteout: 7,
  xlink: 8,
})

export const FLAG_EXPLICIT = 1
export const FLAG_OPAQUE = 2
export const DROPPED_CONTENT: ByteString = '\0'.repeat(32)

export type Unhashed<N extends TreeNode> = N extends TreeNode ? Omit<N, 'hash'> : never

/** What of a directory is hashed. */
export type HashedDirectory = Pick<DirectoryNode, 'meta' | 'opaque' | 'children'>

function encodeAttributes(writer: ByteWriter, attributes: readonly Attribute[]): void {
  writer.u16(attributes.length)
  for (const { key, value } of attributes) writer.lp16(key).lp32(value)
}

function encodeMeta(writer: ByteWriter, meta: Meta): void {
  writer.u16(meta.mode).u32(meta.uid).u32(meta.gid)
  encodeAttributes(writer, meta.xattrs)
  encodeAttributes(writer, meta.records)
  if (meta.mtime !== undefined) writer.u64(meta.mtime)
}

function encodeBody(writer: ByteWriter, node: Unhashed<InodeNode>): void {
  switch (node.kind) {
    case 'file':
      writer.u64(node.dropped ? 0 : node.size)
      writer.rawString(node.dropped ? DROPPED_CONTENT : node.content)
      return
    case 'symlink':
    case 'xlink':
      writer.lp32(node.target)
      return
    case 'char':
    case 'block':
      writer.u32(node.major).u32(node.minor)
      return
    case 'fifo':
  }
}

export function encodeLeaf(writer: ByteWriter, node: Unhashed<LeafNode>): void {
  writer.u8(KIND_BYTES[node.kind])
  if (node.kind === 'whiteout') return
  encodeMeta(writer, node.meta)
  encodeBody(writer, node)
  if (node.group === undefined) writer.u8(0)
  else writer.u8(1).lp32(node.group)
}

function encodeDirectoryHead(
  writer: ByteWriter,
  { meta, opaque }: Omit<HashedDirectory, 'children'>,
  children: number,
): void {
  const flags = (meta === undefined ? 0 : FLAG_EXPLICIT) | (opaque ? FLAG_OPAQUE : 0)
  writer
    .u32(meta === undefined ? 2 : 2 + metaLength(meta))
    .u8(KIND_BYTES.directory)
    .u8(flags)
  if (meta !== undefined) encodeMeta(writer, meta)
  writer.u32(children)
}

export function encodeDirectory(writer: ByteWriter, node: HashedDirectory): void {
  encodeDirectoryHead(writer, node, node.children.size)
  for (const [name, child] of node.children) {
    writer.lp16(name).u8(KIND_BYTES[child.kind]).rawString(child.hash)
  }
}

function metaLength(meta: Meta): number {
  let length = 2 + 4 + 4 + 2 + 2 + (meta.mtime === undefined ? 0 : 8)
  for (const { key, value } of meta.xattrs) length += 2 + key.length + 4 + value.length
  for (const { key, value } of meta.records) length += 2 + key.length + 4 + value.length
  return length
}

export function hashLeaf(hasher: TaggedHash, node: Unhashed<LeafNode>): ByteString {
  return hasher.hash('leaf', (writer) => encodeLeaf(writer, node))
}

export type WriteChild = (name: ByteString, kind: NodeKind, hash: ByteString) => void

/**
 * The same for children that are given one after the other, sorted, and never all at once.
 * `writeChildren` may hash what it gives.
 */
export function hashDirectoryOf(
  hasher: TaggedHash,
  node: Omit<HashedDirectory, 'children'>,
  count: number,
  writeChildren: (write: WriteChild) => void,
): ByteString {
  const encode = (writer: ByteWriter): void => {
    encodeDirectoryHead(writer, node, count)
    writeChildren((name, kind, hash) => {
      writer.lp16(name).u8(KIND_BYTES[kind]).rawString(hash)
    })
  }
  return hasher.hash('dir', encode, new ByteWriter())
}
