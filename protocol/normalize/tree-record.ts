/**
 * What is written of each node of a packed tree (packed-tree.ts), and where in its record.
 *
 * A leaf is `kind, flags, meta, group if it has one, hash` and what its kind has; a directory
 * `kind, flags, meta, hash, count` and for each child, sorted, the offsets of its name and of its
 * record. Offsets count from the start of the tree's bytes.
 */
import { type ByteString, toByteString } from './byte-string.ts'
import type { Unhashed } from './node-encoding.ts'
import type { TreeBytes } from './tree-bytes.ts'
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
/** In the place of a kind: a directory of another packed tree. */
export const ELSEWHERE = KINDS.length
/** The same with changes. */
export const ALTERED = KINDS.length + 1

export const HASH_BYTES = 32
/** Of an offset. */
export const NONE = 0

export const FLAG_OPAQUE = 1
export const FLAG_LATE = 2
export const FLAG_PLAIN = 4
const FLAG_DROPPED = 1
const FLAG_GROUPED = 2

const FLAGS_AT = 1
export const META_AT = 2
const GROUP_AT = 6
const GROUP_BYTES = 4
const LEAF_HASH_AT = 6
export const DIRECTORY_HASH_AT = 6
export const DIRECTORY_COUNT_AT = DIRECTORY_HASH_AT + HASH_BYTES

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
    const at = bytes.length
    bytes.u8(KINDS.indexOf(node.kind))
    const dropped = node.kind === 'file' && node.dropped ? FLAG_DROPPED : 0
    bytes.u8(dropped | (group === NONE ? 0 : FLAG_GROUPED))
    bytes.u32(meta)
    if (group !== NONE) bytes.u32(group)
    bytes.raw(hash)
    if (node.kind === 'file') {
      bytes.f64(node.size)
      bytes.raw(node.content)
    } else if (node.kind === 'symlink' || node.kind === 'xlink') bytes.string(node.target)
    else if (node.kind !== 'fifo') {
      bytes.u32(node.major)
      bytes.u32(node.minor)
    }
    return at
  }

  whiteout(hash: ByteString): number {
    const { bytes } = this
    const at = bytes.length
    bytes.u8(KINDS.indexOf('whiteout'))
    bytes.u8(0)
    bytes.u32(NONE)
    bytes.raw(hash)
    return at
  }

  /** Its children follow, with `child`. */
  directory(
    node: Pick<DirectoryNode, 'opaque' | 'late' | 'plain' | 'hash'>,
    meta: number,
    count: number,
  ): number {
    const { bytes } = this
    const at = bytes.length
    bytes.u8(KINDS.indexOf('directory'))
    bytes.u8(
      (node.opaque ? FLAG_OPAQUE : 0) | (node.late ? FLAG_LATE : 0) | (node.plain ? FLAG_PLAIN : 0),
    )
    bytes.u32(meta)
    bytes.raw(node.hash)
    bytes.u32(count)
    return at
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

  /** `changes`: offsets of names and of records; NONE for what is removed. */
  altered(
    base: { readonly part: number; readonly at: number },
    meta: number,
    hash: ByteString,
    changes: readonly number[],
  ): number {
    const { bytes } = this
    const at = bytes.length
    bytes.u8(ALTERED)
    bytes.u32(base.part)
    bytes.u32(base.at)
    bytes.u32(meta)
    bytes.raw(hash)
    bytes.u32(changes.length / 2)
    for (const offset of changes) bytes.u32(offset)
    return at
  }

  /** At most 255 bytes: a component of a path. */
  name(text: ByteString): number {
    const at = this.bytes.length
    this.bytes.u8(text.length)
    this.bytes.raw(text)
    return at
  }

  string(text: ByteString): number {
    const at = this.bytes.length
    this.bytes.string(text)
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
        bytes.string(key)
        bytes.string(value)
      }
    }
    if (meta.xattrs.length === 0 && meta.records.length === 0) {
      if (this.#metas.size >= MAX_SHARED_METAS) this.#metas.clear()
      this.#metas.set(meta, at)
    }
    return at
  }
}

export class RecordReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #metas = new Map<number, Meta>()

  constructor(buffer: ArrayBufferLike) {
    // Of one length, also where the buffer may grow.
    this.#bytes = new Uint8Array(buffer, 0, buffer.byteLength)
    this.#view = new DataView(buffer, 0, buffer.byteLength)
  }

  /** A number below KINDS.length, ELSEWHERE or ALTERED. */
  code(at: number): number {
    return this.#bytes[at] as number
  }

  kind(at: number): NodeKind {
    return KINDS[this.code(at)] as NodeKind
  }

  flags(at: number): number {
    return this.#bytes[at + FLAGS_AT] as number
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true)
  }

  hash(at: number): ByteString {
    return this.#raw(at, HASH_BYTES)
  }

  whiteoutHash(at: number): ByteString {
    return this.hash(at + LEAF_HASH_AT)
  }

  name(at: number): ByteString {
    return this.#raw(at + 1, this.#bytes[at] as number)
  }

  inode(kind: InodeNode['kind'], at: number): InodeNode {
    const meta = this.meta(this.u32(at + META_AT))
    const flags = this.flags(at)
    const grouped = (flags & FLAG_GROUPED) !== 0
    const group = grouped ? this.#string(this.u32(at + GROUP_AT)) : undefined
    const hashAt = at + LEAF_HASH_AT + (grouped ? GROUP_BYTES : 0)
    const common = { hash: this.hash(hashAt), meta, group }
    const body = hashAt + HASH_BYTES
    if (kind === 'file') {
      const size = this.#view.getFloat64(body, true)
      const dropped = (flags & FLAG_DROPPED) !== 0
      return { kind, ...common, size, content: this.hash(body + 8), dropped }
    }
    if (kind === 'symlink' || kind === 'xlink') {
      return { kind, ...common, target: this.#string(body) }
    }
    if (kind === 'fifo') return { kind, ...common }
    return { kind, ...common, major: this.u32(body), minor: this.u32(body + 4) }
  }

  meta(at: number): Meta {
    const known = this.#metas.get(at)
    if (known !== undefined) return known
    const timed = this.#bytes[at + 12] === 1
    const mtime = this.#view.getFloat64(at + 13, true)
    const xattrs = this.#attributes(at + 21)
    const records = this.#attributes(xattrs.end)
    const meta = {
      mode: this.u32(at),
      uid: this.u32(at + 4),
      gid: this.u32(at + 8),
      mtime: timed ? mtime : undefined,
      xattrs: xattrs.list,
      records: records.list,
    }
    if (xattrs.list.length === 0 && records.list.length === 0) {
      if (this.#metas.size >= MAX_SHARED_METAS) this.#metas.clear()
      this.#metas.set(at, meta)
    }
    return meta
  }

  #attributes(at: number): { readonly list: Attribute[]; readonly end: number } {
    const list: Attribute[] = []
    let end = at + 4
    for (let left = this.u32(at); left > 0; left--) {
      const key = this.#string(end)
      end += 4 + key.length
      const value = this.#string(end)
      end += 4 + value.length
      list.push({ key, value })
    }
    return { list, end }
  }

  #string(at: number): ByteString {
    return this.#raw(at + 4, this.u32(at))
  }

  #raw(at: number, length: number): ByteString {
    return toByteString(this.#bytes.subarray(at, at + length))
  }
}
