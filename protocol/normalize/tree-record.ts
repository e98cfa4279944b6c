/**
 * What is written of each node of a packed tree (packed-tree.ts), and where in its record.
 *
 * A leaf is `kind, flags, meta, group, hash` and what its kind has; a directory `kind, flags, meta,
 * count, hash` and for each child, sorted, the offsets of its name and of its record. Offsets count
 * from the start of the tree's bytes. Group, flags and hash of a leaf are written over when another
 * name of it turns up.
 */
import { type ByteString, fromByteString } from './byte-string.ts'
import type { Unhashed } from './node-encoding.ts'
import { isPlainMeta, isWhiteoutDevice } from './plain-tree.ts'
import { type BlockSource, BytesReader, type TreeBytes } from './tree-bytes.ts'
import type { Attribute, DirectoryNode, InodeNode, Meta, NodeKind } from './tree.ts'

export const KINDS: readonly NodeKind[] = [
  'directory',
  'file',
  'symlink',
  'char',
  'block',
  'fifo',
  'whiteout',
  'xlink',
]
/** In the place of a kind: a node of another packed tree. */
const ELSEWHERE = KINDS.length

/** Of an offset. */
export const NONE = 0

export const FLAG_OPAQUE = 1
export const FLAG_LATE = 2
/** Of a directory and of a leaf: plain-tree.ts. A leaf with a group is not plain for all that. */
export const FLAG_PLAIN = 4
export const FLAG_DROPPED = 8
/** Of a leaf with a group: its hash is over the group that it has in the end. */
export const FLAG_LINKED = 16

const HASH_BYTES = 32
const FLAGS_AT = 1
const META_AT = 2
const GROUP_AT = 6
const COUNT_AT = 6
const HASH_AT = 10
const BODY_AT = HASH_AT + HASH_BYTES
const PAIR_BYTES = 8

/** Metas that are kept to be written once; those with attributes are seldom shared. */
const MAX_SHARED_METAS = 4096

export class RecordWriter {
  readonly bytes: TreeBytes
  readonly #metas = new Map<Meta, number>()

  constructor(bytes: TreeBytes) {
    this.bytes = bytes
  }

  leaf(node: Unhashed<InodeNode>, hash: ByteString): number {
    const { bytes } = this
    const meta = this.meta(node.meta)
    const group = node.group === undefined ? NONE : this.string(node.group)
    const plain = node.kind !== 'xlink' && !isWhiteoutDevice(node) && isPlainMeta(node.meta)
    const dropped = node.kind === 'file' && node.dropped
    const at = this.#head(
      node.kind,
      (plain ? FLAG_PLAIN : 0) | (dropped ? FLAG_DROPPED : 0),
      meta,
      group,
      hash,
    )
    if (node.kind === 'file') {
      bytes.f64(node.size)
      bytes.raw(node.content)
    } else if (node.kind === 'symlink' || node.kind === 'xlink') this.string(node.target)
    else if (node.kind !== 'fifo') {
      bytes.u32(node.major)
      bytes.u32(node.minor)
    }
    return at
  }

  whiteout(hash: ByteString): number {
    return this.#head('whiteout', 0, NONE, NONE, hash)
  }

  /** `children`: pairs of offsets, of the name and of the record. */
  directory(
    node: Pick<DirectoryNode, 'opaque' | 'late' | 'plain' | 'hash'>,
    meta: number,
    count: number,
  ): number {
    const flags =
      (node.opaque ? FLAG_OPAQUE : 0) | (node.late ? FLAG_LATE : 0) | (node.plain ? FLAG_PLAIN : 0)
    return this.#head('directory', flags, meta, count, node.hash)
  }

  child(name: number, record: number): void {
    this.bytes.u32(name)
    this.bytes.u32(record)
  }

  elsewhere(part: number, there: number): number {
    const at = this.bytes.length
    this.bytes.u8(ELSEWHERE)
    this.bytes.u32(part)
    this.bytes.u32(there)
    return at
  }

  name(text: ByteString): number {
    const at = this.bytes.length
    this.bytes.u16(text.length)
    this.bytes.raw(text)
    return at
  }

  string(text: ByteString): number {
    const at = this.bytes.length
    this.bytes.u32(text.length)
    this.bytes.raw(text)
    return at
  }

  meta(meta: Meta): number {
    const known = this.#metas.get(meta)
    if (known !== undefined) return known
    const { bytes } = this
    const at = bytes.length
    bytes.u32(meta.mode)
    bytes.u32(meta.uid)
    bytes.u32(meta.gid)
    bytes.u8(meta.mtime === undefined ? 0 : 1)
    bytes.f64(meta.mtime ?? 0)
    for (const attributes of [meta.xattrs, meta.records]) {
      bytes.u32(attributes.length)
      for (const { key, value } of attributes) {
        this.string(key)
        this.string(value)
      }
    }
    if (meta.xattrs.length === 0 && meta.records.length === 0) {
      if (this.#metas.size >= MAX_SHARED_METAS) this.#metas.clear()
      this.#metas.set(meta, at)
    }
    return at
  }

  /** Of the leaf at `at`; `group`: where its path is written. */
  setGroup(at: number, group: number): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, group, true)
    this.bytes.patch(at + GROUP_AT, bytes)
  }

  setFlags(at: number, flags: number): void {
    this.bytes.patch(at + FLAGS_AT, Uint8Array.of(flags))
  }

  setHash(at: number, hash: ByteString): void {
    this.bytes.patch(at + HASH_AT, fromByteString(hash))
  }

  /** `last`: the group of a leaf, the count of a directory. */
  #head(kind: NodeKind, flags: number, meta: number, last: number, hash: ByteString): number {
    const { bytes } = this
    const at = bytes.length
    bytes.u8(KINDS.indexOf(kind))
    bytes.u8(flags)
    bytes.u32(meta)
    bytes.u32(last)
    bytes.raw(hash)
    return at
  }
}

export class RecordReader {
  readonly #bytes: BytesReader
  readonly #metas = new Map<number, Meta>()

  constructor(source: BlockSource) {
    this.#bytes = new BytesReader(source)
  }

  /** Undefined for a node of another tree. */
  kind(at: number): NodeKind | undefined {
    return KINDS[this.#bytes.u8(at)]
  }

  /** Of `elsewhere`. */
  there(at: number): { readonly part: number; readonly at: number } {
    return { part: this.#bytes.u32(at + 1), at: this.#bytes.u32(at + 5) }
  }

  flags(at: number): number {
    return this.#bytes.u8(at + FLAGS_AT)
  }

  /** NONE where there is none. */
  groupAt(at: number): number {
    return this.#bytes.u32(at + GROUP_AT)
  }

  hash(at: number): ByteString {
    return this.#bytes.raw(at + HASH_AT, HASH_BYTES)
  }

  /** Children of the directory at `at`. */
  count(at: number): number {
    return this.#bytes.u32(at + COUNT_AT)
  }

  childName(at: number, index: number): ByteString {
    const name = this.#bytes.u32(at + BODY_AT + index * PAIR_BYTES)
    return this.#bytes.raw(name + 2, this.#bytes.u16(name))
  }

  /** Where its record is. */
  child(at: number, index: number): number {
    return this.#bytes.u32(at + BODY_AT + index * PAIR_BYTES + 4)
  }

  /** Of any node but a whiteout; undefined for a directory that has no entry of its own. */
  metaOf(at: number): Meta | undefined {
    const meta = this.#bytes.u32(at + META_AT)
    return meta === NONE ? undefined : this.meta(meta)
  }

  /** Of the file at `at`. */
  size(at: number): number {
    return this.#bytes.f64(at + BODY_AT)
  }

  inode(kind: InodeNode['kind'], at: number): InodeNode {
    const bytes = this.#bytes
    const groupAt = this.groupAt(at)
    const meta = this.meta(bytes.u32(at + META_AT))
    const group = groupAt === NONE ? undefined : this.string(groupAt)
    const common = { hash: this.hash(at), meta, group }
    const body = at + BODY_AT
    if (kind === 'file') {
      const content = bytes.raw(body + 8, HASH_BYTES)
      const dropped = (this.flags(at) & FLAG_DROPPED) !== 0
      return { kind, ...common, size: this.size(at), content, dropped }
    }
    if (kind === 'symlink' || kind === 'xlink')
      return { kind, ...common, target: this.string(body) }
    if (kind === 'fifo') return { kind, ...common }
    return { kind, ...common, major: bytes.u32(body), minor: bytes.u32(body + 4) }
  }

  meta(at: number): Meta {
    const known = this.#metas.get(at)
    if (known !== undefined) return known
    const bytes = this.#bytes
    const mtime = bytes.u8(at + 12) === 1 ? bytes.f64(at + 13) : undefined
    const xattrs = this.#attributes(at + 21)
    const records = this.#attributes(xattrs.end)
    const meta = {
      mode: bytes.u32(at),
      uid: bytes.u32(at + 4),
      gid: bytes.u32(at + 8),
      mtime,
      xattrs: xattrs.list,
      records: records.list,
    }
    if (xattrs.list.length === 0 && records.list.length === 0) {
      if (this.#metas.size >= MAX_SHARED_METAS) this.#metas.clear()
      this.#metas.set(at, meta)
    }
    return meta
  }

  string(at: number): ByteString {
    return this.#bytes.raw(at + 4, this.#bytes.u32(at))
  }

  #attributes(at: number): { readonly list: Attribute[]; readonly end: number } {
    const list: Attribute[] = []
    let end = at + 4
    for (let left = this.#bytes.u32(at); left > 0; left--) {
      const key = this.string(end)
      end += 4 + key.length
      const value = this.string(end)
      end += 4 + value.length
      list.push({ key, value })
    }
    return { list, end }
  }
}
