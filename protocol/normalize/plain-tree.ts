/**
 * Trees that flattening leaves as they are, so that it need not look into them.
 *
 * Nothing in them is a deletion, a link, a guess or a driver's bookkeeping: see flatten.ts for what
 * it does with each of these.
 */
import type { Unhashed } from './node-encoding.ts'
import type { Attribute, InodeNode, Meta } from './tree.ts'

/** Bookkeeping of storage drivers. */
const DRIVER_XATTRS = ['trusted.overlay.', 'user.overlay.']

function isDriverXattr({ key }: Attribute): boolean {
  return DRIVER_XATTRS.some((prefix) => key.startsWith(prefix))
}

/** A device that some runtimes take for a whiteout. */
export function isWhiteoutDevice(node: Unhashed<InodeNode>): boolean {
  return node.kind === 'char' && node.major === 0 && node.minor === 0
}

export function isPlainMeta({ xattrs }: Meta): boolean {
  return xattrs.length === 0 || !xattrs.some(isDriverXattr)
}

export function withoutDriverXattrs(meta: Meta): Meta {
  if (isPlainMeta(meta)) return meta
  return { ...meta, xattrs: meta.xattrs.filter((xattr) => !isDriverXattr(xattr)) }
}
