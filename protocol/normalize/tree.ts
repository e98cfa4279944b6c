/**
 * The tree of one layer, or of a flattened image. normalization profile, README.md.
 *
 * A hardlink is one node under several names: the members of a group *are* the same object. Names,
 * targets and hashes are byte strings (byte-string.ts). Nodes are never changed once hashed.
 */
import type { ByteString } from './byte-string.ts'

export interface Attribute {
  readonly key: ByteString
  readonly value: ByteString
}

export interface Meta {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Whole seconds, clamped; only where the profile includes mtimes. */
  readonly mtime: number | undefined
  /** Sorted by key; the key is without `SCHILY.xattr.`. */
  readonly xattrs: readonly Attribute[]
  /** All other PAX records that are not excluded, sorted by keyword. */
  readonly records: readonly Attribute[]
}

interface Hashed {
  /** T("leaf", …) or T("dir", …), 32 bytes. */
  readonly hash: ByteString
}

interface Inode extends Hashed {
  readonly meta: Meta
  /** The smallest path of the hardlink group; undefined where there is one name only. */
  readonly group: ByteString | undefined
}

interface FileNode extends Inode {
  readonly kind: 'file'
  readonly size: number
  /** SHA-256 of the content. */
  readonly content: ByteString
  /** The profile drops it: size and content are known here and are not hashed. */
  readonly dropped: boolean
}

interface SymlinkNode extends Inode {
  readonly kind: 'symlink'
  readonly target: ByteString
}

interface DeviceNode extends Inode {
  readonly kind: 'char' | 'block'
  readonly major: number
  readonly minor: number
}

interface FifoNode extends Inode {
  readonly kind: 'fifo'
}

/** A hardlink to a path that is not in this layer. */
interface XlinkNode extends Inode {
  readonly kind: 'xlink'
  /** Canonical path. */
  readonly target: ByteString
}

interface WhiteoutNode extends Hashed {
  readonly kind: 'whiteout'
}

export interface DirectoryNode extends Hashed {
  readonly kind: 'directory'
  /** Undefined where the directory is only implied by what lies beneath it. */
  readonly meta: Meta | undefined
  readonly opaque: boolean
  /** Its own entry came after an entry beneath it. Not hashed; flattening needs it. */
  readonly late: boolean
  /**
   * Flattening, with nothing below or above it, gives this same tree (plain-tree.ts). Not hashed;
   * false says nothing.
   */
  readonly plain: boolean
  /** By name, sorted bytewise. A whiteout stands under the name that it removes. */
  readonly children: ReadonlyMap<ByteString, TreeNode>
}

export type InodeNode = FileNode | SymlinkNode | DeviceNode | FifoNode | XlinkNode
export type LeafNode = InodeNode | WhiteoutNode
export type TreeNode = DirectoryNode | LeafNode
export type NodeKind = TreeNode['kind']
