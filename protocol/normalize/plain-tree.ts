/**
 * Trees that flattening leaves as they are, so that it need not look into them.
 *
 * Nothing in them is a deletion, a link, a guess or a driver's bookkeeping: see flatten.ts for what
 * it does with each of these.
 */
import type { Attribute, DirectoryNode, InodeNode, Meta, TreeNode } from './tree.ts'

/** Bookkeeping of storage drivers. */
const DRIVER_XATTRS = ['trusted.overlay.', 'user.overlay.']

export function isDriverXattr({ key }: Attribute): boolean {
  return DRIVER_XATTRS.some((prefix) => key.startsWith(prefix))
}

/** A device that some runtimes take for a whiteout. */
export function isWhiteoutDevice(node: InodeNode): boolean {
  return node.kind === 'char' && node.major === 0 && node.minor === 0
}

/** `node`: its children know of themselves whether they are plain. */
export function isPlainDirectory(node: Omit<DirectoryNode, 'hash' | 'plain'>): boolean {
  if (node.meta === undefined || node.opaque || node.late || !isPlainMeta(node.meta)) return false
  for (const child of node.children.values()) if (!isPlain(child)) return false
  return true
}

function isPlain(node: TreeNode): boolean {
  if (node.kind === 'directory') return node.plain
  if (node.kind === 'whiteout' || node.kind === 'xlink' || node.group !== undefined) return false
  return !isWhiteoutDevice(node) && isPlainMeta(node.meta)
}

export function isPlainMeta({ xattrs }: Meta): boolean {
  return xattrs.length === 0 || !xattrs.some(isDriverXattr)
}
