/**
 * A directory that is another one with a few children replaced, added or removed. Only the changes
 * are kept.
 */
import { type ByteString, compareByteStrings } from './byte-string.ts'
import type { DirectoryNode, Meta, TreeNode } from './tree.ts'

/** Undefined: removed. */
export type Changes = ReadonlyMap<ByteString, TreeNode | undefined>

export interface AlteredDirectoryInit {
  readonly hash: ByteString
  readonly meta: Meta
  readonly base: DirectoryNode
  readonly changes: Changes
}

export class AlteredDirectory implements DirectoryNode {
  readonly kind = 'directory'
  readonly opaque = false
  readonly late = false
  readonly plain = false
  readonly hash: ByteString
  readonly meta: Meta
  readonly base: DirectoryNode
  readonly changes: Changes

  constructor(init: AlteredDirectoryInit) {
    this.hash = init.hash
    this.meta = init.meta
    this.base = init.base
    this.changes = init.changes
  }

  get children(): ReadonlyMap<ByteString, TreeNode> {
    const children = new Map(this.base.children)
    for (const [name, node] of this.changes) {
      if (node === undefined) children.delete(name)
      else children.set(name, node)
    }
    return new Map([...children].sort(([a], [b]) => compareByteStrings(a, b)))
  }
}
