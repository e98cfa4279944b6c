/**
 * The file tree that the layers of an image make together. README.md, "Flattening".
 *
 * Where runtimes would not agree on it there is an error. Every directory of the result has an
 * owner and a mode, none is opaque, and there are no whiteouts. Hardlinks are files like others:
 * of two builders of one Dockerfile, one writes a link to a file of a lower layer as a copy, the
 * other writes both names again as a group.
 *
 * Layers may have millions of entries, so nothing is kept of them: all layers' entries of one
 * directory are merged by name, first to look for faults, then to write what is left
 * (flatten-stack.ts). What no other layer touches, and flattening leaves as it is, is not opened.
 */
import type { ByteString } from './byte-string.ts'
import { findFault, isReplaced, type Stack, StackReader } from './flatten-stack.ts'
import { hashDirectoryOf, hashLeaf, type WriteChild } from './node-encoding.ts'
import { openerOf, openTree } from './packed-tree.ts'
import { withoutDriverXattrs } from './plain-tree.ts'
import type { Profile } from './profile.ts'
import type { TaggedHash } from './tagged-hash.ts'
import { type BlockStore, MemoryBlocks, TreeBytes } from './tree-bytes.ts'
import { FLAG_DROPPED, FLAG_PLAIN, NONE, RecordWriter } from './tree-record.ts'
import type { DirectoryNode, InodeNode, NodeKind } from './tree.ts'

/** `layers`: as readers or `openTree` gave them. Throws NormalizeError `flatten-*`. */
export function flattenLayers(
  layers: readonly DirectoryNode[],
  profile: Profile,
  hasher: TaggedHash,
  store: BlockStore = new MemoryBlocks(),
): DirectoryNode {
  const openers = layers.map(openerOf)
  const reader = new StackReader(openers, profile)
  const fault = findFault(reader)
  if (fault !== undefined) throw fault
  const writer = new RecordWriter(new TreeBytes(store))
  const written = new Flattener(reader, profile, hasher, writer).directory(reader.root().stack, '')
  const parts = openers.map(({ tree }) => tree)
  return openTree({ blocks: writer.bytes.finish(), root: written.at, parts })
}

interface Written {
  /** Of its record. */
  readonly at: number
  readonly kind: NodeKind
  readonly hash: ByteString
}

class Flattener {
  readonly #layers: StackReader
  readonly #profile: Profile
  readonly #hasher: TaggedHash
  readonly #writer: RecordWriter

  constructor(layers: StackReader, profile: Profile, hasher: TaggedHash, writer: RecordWriter) {
    this.#layers = layers
    this.#profile = profile
    this.#hasher = hasher
    this.#writer = writer
  }

  /** `path`: of the directory, with a slash after it but for the root. */
  directory(stack: Stack, path: ByteString): Written {
    const count = this.#layers.count(stack, path)
    const children = new Uint32Array(2 * count)
    let next = 0
    const head = { meta: stack.meta, opaque: false }
    const write = (writeChild: WriteChild) => {
      for (const [name, state] of this.#layers.visible(stack, path)) {
        const { at, kind, hash } =
          state.kind === 'stack' ? this.#below(state, path + name) : this.#leaf(state, path + name)
        writeChild(name, kind, hash)
        children[next++] = this.#writer.name(name)
        children[next++] = at
      }
    }
    const hash = hashDirectoryOf(this.#hasher, head, count, write)
    if (next !== children.length) throw new Error('a directory that changed while it was read')
    const meta = this.#writer.meta(stack.meta)
    const flags = { opaque: false, late: false, plain: false, hash }
    const at = this.#writer.directory(flags, meta, count)
    for (let i = 0; i < children.length; i += 2) {
      this.#writer.child(children[i] as number, children[i + 1] as number)
    }
    return { at, kind: 'directory', hash }
  }

  #below(stack: Stack, path: ByteString): Written {
    const [only] = stack.pieces
    const alone = stack.pieces.length === 1 && only !== undefined
    if (!alone || isReplaced(path) || (this.#layers.flags(only) & FLAG_PLAIN) === 0) {
      return this.directory(stack, `${path}/`)
    }
    const hash = this.#layers.of(only.layer).hash(only.at)
    return { at: this.#writer.elsewhere(only.layer, only.at), kind: 'directory', hash }
  }

  /** Each name by itself: whether a link survives as one is the storage driver's doing. */
  #leaf(
    {
      layer,
      at,
      kind,
    }: { readonly layer: number; readonly at: number; readonly kind: InodeNode['kind'] },
    path: ByteString,
  ): Written {
    const reader = this.#layers.of(layer)
    const flags = reader.flags(at)
    const dropped = kind === 'file' && this.#profile.drop.has(path)
    const same =
      (flags & FLAG_PLAIN) !== 0 &&
      reader.groupAt(at) === NONE &&
      ((flags & FLAG_DROPPED) !== 0) === dropped
    if (same) return { at: this.#writer.elsewhere(layer, at), kind, hash: reader.hash(at) }
    const inode = reader.inode(kind, at)
    const own = { group: undefined, meta: withoutDriverXattrs(inode.meta) }
    const node = inode.kind === 'file' ? { ...inode, ...own, dropped } : { ...inode, ...own }
    const hash = hashLeaf(this.#hasher, node)
    return { at: this.#writer.leaf(node, hash), kind, hash }
  }
}
