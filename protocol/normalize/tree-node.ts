/**
 * Directories and leaves from their preimages: the inverse of node-encoding.ts, and as strict as
 * the reader of layers is. What a layer cannot hold is malformed, though its hash be right.
 */
import { type ByteString, compareByteStrings } from './byte-string.ts'
import { DEFAULT_NORMALIZE_LIMITS } from './limits.ts'
import {
  DROPPED_CONTENT,
  FLAG_EXPLICIT,
  FLAG_OPAQUE,
  KIND_BYTES,
  type Unhashed,
} from './node-encoding.ts'
import { malformed, PreimageReader } from './preimage-reader.ts'
import type { Profile } from './profile.ts'
import type { Attribute, LeafNode, Meta, NodeKind } from './tree.ts'

const { maxPathBytes, maxComponentBytes, maxPaxBytes, maxXattrBytes, maxXattrs } =
  DEFAULT_NORMALIZE_LIMITS
const MAX_MODE = 0o7777
const MAX_OWNER = 2 ** 32 - 2
/** Name (2 and 1), kind (1), hash (32). */
const MIN_CHILD_BYTES = 36
const KINDS = new Map(
  Object.entries(KIND_BYTES).map(([kind, byte]) => [byte, kind as NodeKind] as const),
)

export interface ChildEntry {
  readonly name: ByteString
  readonly kind: NodeKind
  readonly hash: ByteString
}

export interface DirectoryEntry {
  readonly meta: Meta | undefined
  readonly opaque: boolean
  /** Sorted by name. */
  readonly children: readonly ChildEntry[]
}

/** Throws TreeObjectError `malformed`. */
export function parseDirectory(preimage: Uint8Array, profile: Profile): DirectoryEntry {
  const reader = new PreimageReader(preimage)
  const length = reader.u32()
  const before = reader.at
  if (reader.u8() !== KIND_BYTES.directory) malformed('is no directory')
  const flags = reader.u8()
  if ((flags & ~(FLAG_EXPLICIT | FLAG_OPAQUE)) !== 0) malformed('has unknown flags')
  const meta = (flags & FLAG_EXPLICIT) === 0 ? undefined : parseMeta(reader, profile)
  if (reader.at - before !== length) malformed('has a header of another length than it says')
  const children: ChildEntry[] = []
  let previous: ByteString | undefined
  for (let left = reader.count(MIN_CHILD_BYTES); left > 0; left--) {
    const name = reader.lp16()
    if (!isName(name)) malformed('has a name that no file can have')
    if (previous !== undefined && compareByteStrings(previous, name) >= 0) {
      malformed('has names that do not ascend')
    }
    previous = name
    children.push({ name, kind: parseKind(reader), hash: reader.hash() })
  }
  reader.end()
  return { meta, opaque: (flags & FLAG_OPAQUE) !== 0, children }
}

/** Throws TreeObjectError `malformed`. */
export function parseLeaf(preimage: Uint8Array, profile: Profile): Unhashed<LeafNode> {
  const reader = new PreimageReader(preimage)
  const kind = parseKind(reader)
  if (kind === 'directory') malformed('is a directory and said to be none')
  if (kind === 'whiteout') {
    reader.end()
    return { kind }
  }
  const meta = parseMeta(reader, profile)
  const body = parseBody(kind, reader)
  const group = parseFlag(reader) ? reader.lp32(maxPathBytes) : undefined
  if (group === '') malformed('has a hardlink group without a path')
  reader.end()
  return { ...body, meta, group }
}

type Body =
  Unhashed<LeafNode> extends infer N
    ? N extends { readonly meta: Meta }
      ? Omit<N, 'meta' | 'group'>
      : never
    : never

function parseBody(
  kind: Exclude<NodeKind, 'directory' | 'whiteout'>,
  reader: PreimageReader,
): Body {
  switch (kind) {
    case 'file': {
      const size = reader.u64()
      const content = reader.hash()
      return { kind, size, content, dropped: content === DROPPED_CONTENT }
    }
    case 'symlink':
    case 'xlink': {
      const target = reader.lp32(maxPathBytes)
      if (target === '') malformed('is a link to nothing')
      return { kind, target }
    }
    case 'char':
    case 'block':
      return { kind, major: reader.u32(), minor: reader.u32() }
    case 'fifo':
      return { kind }
  }
}

function parseMeta(reader: PreimageReader, profile: Profile): Meta {
  const mode = reader.u16()
  const uid = reader.u32()
  const gid = reader.u32()
  if (mode > MAX_MODE || uid > MAX_OWNER || gid > MAX_OWNER) malformed('has no mode or owner')
  const xattrs = parseAttributes(reader, maxXattrBytes)
  const records = parseAttributes(reader, maxPaxBytes)
  const mtime = profile.mtimeClamp === undefined ? undefined : reader.u64()
  return { mode, uid, gid, mtime, xattrs, records }
}

function parseAttributes(reader: PreimageReader, maxBytes: number): Attribute[] {
  const count = reader.u16()
  if (count > maxXattrs) malformed(`has ${count} attributes`)
  const attributes: Attribute[] = []
  for (let i = 0; i < count; i++) {
    const key = reader.lp16()
    const before = attributes.at(-1)?.key
    if (before !== undefined && compareByteStrings(before, key) >= 0) {
      malformed('has attributes that do not ascend')
    }
    attributes.push({ key, value: reader.lp32(maxBytes) })
  }
  return attributes
}

function parseKind(reader: PreimageReader): NodeKind {
  return KINDS.get(reader.u8()) ?? malformed('is of an unknown kind')
}

function parseFlag(reader: PreimageReader): boolean {
  const value = reader.u8()
  if (value > 1) malformed('has a flag that is neither 0 nor 1')
  return value === 1
}

function isName(name: ByteString): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    name.length <= maxComponentBytes &&
    !/[/\0]/.test(name)
  )
}
