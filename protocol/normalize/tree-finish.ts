/**
 * The end of a layer's tree: links are hashed with their groups, and directories, deepest first,
 * are sorted, hashed and written after their children.
 */
import { BranchList } from './branch-list.ts'
import type { EntryTable } from './entry-table.ts'
import { hashDirectoryOf, hashLeaf } from './node-encoding.ts'
import { openTree } from './packed-tree.ts'
import { isPlainMeta } from './plain-tree.ts'
import type { TaggedHash } from './tagged-hash.ts'
import {
  FLAG_LINKED,
  FLAG_PLAIN,
  NONE,
  type RecordReader,
  type RecordWriter,
} from './tree-record.ts'
import type { DirectoryNode, InodeNode } from './tree.ts'

export interface GrownTree {
  readonly hasher: TaggedHash
  readonly writer: RecordWriter
  /** Of what the writer wrote. */
  readonly reader: RecordReader
  readonly table: EntryTable
  readonly branches: BranchList
}

export function finishTree(tree: GrownTree): DirectoryNode {
  tree.table.forget()
  const whiteout = tree.writer.whiteout(hashLeaf(tree.hasher, { kind: 'whiteout' }))
  const root = finish(tree, BranchList.root, whiteout)
  tree.table.close()
  return openTree({ blocks: tree.writer.bytes.finish(), root })
}

/** Where the record of the directory is. */
function finish(tree: GrownTree, branch: number, whiteout: number): number {
  const { table, branches, writer, reader, hasher } = tree
  const unsorted = table.listFrom(branches.lastChild(branch))
  const metaAt = branches.metaOf(branch)
  const meta = metaAt === NONE ? undefined : reader.meta(metaAt)
  const opaque = branches.isOpaque(branch)
  const late = branches.isLate(branch)
  let plain = meta !== undefined && !opaque && !late && isPlainMeta(meta)
  for (const entry of unsorted) {
    const kind = table.kind(entry)
    if (kind === 'whiteout') table.set(entry, whiteout)
    else if (kind === 'directory') table.set(entry, finish(tree, table.get(entry), whiteout))
    const at = table.get(entry)
    const grouped = kind !== 'directory' && reader.groupAt(at) !== NONE
    if (grouped) hashLinked(tree, at)
    plain &&= !grouped && (reader.flags(at) & FLAG_PLAIN) !== 0
  }
  const entries = table.sort(unsorted)
  const hash = hashDirectoryOf(hasher, { meta, opaque }, entries.length, (write) => {
    for (const entry of entries) {
      write(table.name(entry), table.kind(entry), reader.hash(table.get(entry)))
    }
  })
  const at = writer.directory({ opaque, late, plain, hash }, metaAt, entries.length)
  for (const entry of entries) writer.child(table.nameAt(entry), table.get(entry))
  return at
}

/** All names of an inode have one record; the first that comes by here finds it without its hash. */
function hashLinked({ writer, reader, hasher }: GrownTree, at: number): void {
  const flags = reader.flags(at)
  if ((flags & FLAG_LINKED) !== 0) return
  const node = reader.inode(reader.kind(at) as InodeNode['kind'], at)
  writer.setHash(at, hashLeaf(hasher, node))
  writer.setFlags(at, flags | FLAG_LINKED)
}
