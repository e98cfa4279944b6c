/**
 * The end of a layer's tree: links are told their groups, and directories, deepest first, are
 * sorted, hashed and written after their children.
 */
import { BranchList } from './branch-list.ts'
import { fromByteString, type ByteString } from './byte-string.ts'
import type { EntryTable } from './entry-table.ts'
import type { Group } from './layer-tree.ts'
import { hashDirectoryOf, hashLeaf } from './node-encoding.ts'
import { openTree } from './packed-tree.ts'
import { isPlainMeta, isWhiteoutDevice } from './plain-tree.ts'
import type { TaggedHash } from './tagged-hash.ts'
import type { TreeBytes } from './tree-bytes.ts'
import { NONE, RecordReader, type RecordWriter } from './tree-record.ts'
import type { DirectoryNode, InodeNode } from './tree.ts'

export interface GrownTree {
  readonly hasher: TaggedHash
  readonly bytes: TreeBytes
  readonly writer: RecordWriter
  readonly table: EntryTable
  readonly branches: BranchList
  /** By the record of the inode. */
  readonly groups: ReadonlyMap<number, Group>
}

export function finishTree(tree: GrownTree): DirectoryNode {
  tree.table.forget()
  const root = new Finisher(tree).finish(BranchList.root)
  return openTree({ bytes: tree.bytes.buffer, root: root.at })
}

interface Finished {
  /** Of its record. */
  readonly at: number
  readonly hash: ByteString
  readonly plain: boolean
}

class Finisher {
  readonly #tree: GrownTree
  /** Of leaves, which are all written. */
  readonly #leaves: RecordReader
  /** Inodes that were written anew, with their group, by their first record. */
  readonly #linked: ReadonlyMap<number, Finished>
  readonly #whiteout: Finished

  constructor(tree: GrownTree) {
    this.#tree = tree
    this.#linked = this.#writeLinked()
    const hash = hashLeaf(tree.hasher, { kind: 'whiteout' })
    this.#whiteout = { at: tree.writer.whiteout(hash), hash, plain: false }
    this.#leaves = new RecordReader(tree.bytes.buffer)
  }

  #writeLinked(): ReadonlyMap<number, Finished> {
    const { bytes, groups, hasher, writer } = this.#tree
    const written = new RecordReader(bytes.buffer)
    const linked = new Map<number, Finished>()
    for (const [first, { path: group, dropped }] of groups) {
      const inode = written.inode(written.kind(first) as InodeNode['kind'], first)
      const node = inode.kind === 'file' ? { ...inode, group, dropped } : { ...inode, group }
      const hash = hashLeaf(hasher, node)
      linked.set(first, { at: writer.leaf(node, hash), hash, plain: false })
    }
    return linked
  }

  finish(branch: number): Finished {
    const { table, branches, writer, hasher } = this.#tree
    const entries = table.sortedFrom(branches.lastChild(branch))
    const records = new Uint32Array(entries.length)
    const hashes = new Uint8Array(entries.length * 32)
    const metaAt = branches.metaOf(branch)
    const meta = metaAt === NONE ? undefined : this.#leaves.meta(metaAt)
    const opaque = branches.isOpaque(branch)
    const late = branches.isLate(branch)
    let plain = meta !== undefined && !opaque && !late && isPlainMeta(meta)
    for (const [i, entry] of entries.entries()) {
      const child = this.#child(entry)
      records[i] = child.at
      hashes.set(fromByteString(child.hash), i * 32)
      plain &&= child.plain
    }
    const hash = hashDirectoryOf(hasher, { meta, opaque }, entries.length, (writeChild) => {
      for (const [i, entry] of entries.entries()) {
        writeChild(table.name(entry), table.kind(entry), hashes.subarray(i * 32, i * 32 + 32))
      }
    })
    const at = writer.directory({ opaque, late, plain, hash }, metaAt, entries.length)
    for (const [i, entry] of entries.entries()) {
      writer.child(table.nameAt(entry), records[i] as number)
    }
    return { at, hash, plain }
  }

  #child(entry: number): Finished {
    const { table } = this.#tree
    const kind = table.kind(entry)
    const value = table.get(entry)
    if (kind === 'directory') return this.finish(value)
    if (kind === 'whiteout') return this.#whiteout
    const linked = this.#linked.get(value)
    if (linked !== undefined) return linked
    const inode = this.#leaves.inode(kind, value)
    const plain = kind !== 'xlink' && !isWhiteoutDevice(inode) && isPlainMeta(inode.meta)
    return { at: value, hash: inode.hash, plain }
  }
}
