/**
 * From a header and its extension to an entry of the layer's tree, and every rule between.
 * README.md, "Entries". Faults are NormalizeErrors without a place.
 */
import type { ByteString } from './byte-string.ts'
import { type EntryPath, parseEntryPath } from './entry-path.ts'
import type { LayerTree, OpenFile } from './layer-tree.ts'
import type { NormalizeLimits } from './limits.ts'
import { NormalizeError, type NormalizeErrorPlace } from './normalize-error.ts'
import type { Extension } from './pax.ts'
import type { Profile } from './profile.ts'
import type { TarHeader } from './tar-header.ts'
import type { InodeNode, Meta } from './tree.ts'

/** A hostile layer has another owner for each entry. */
const MAX_SHARED_METAS = 4096
const MAX_MODE = 0o177777
const MODE_MASK = 0o7777
const SYMLINK_MODE = 0o777
const MAX_ID = 2 ** 32 - 2
const MAX_DEVICE = 2 ** 32 - 1
/** A PAX size may differ from the header's where that has no room for it: 11 octal digits. */
const HEADER_SIZE_OVERFLOW = 8 ** 11

const WHITEOUT_PREFIX = '.wh.'
const WHITEOUT_RESERVED = '.wh..wh.'
const OPAQUE_NAME = '.wh..wh..opq'
const ESTARGZ_TOC = 'stargz.index.json'

const MODE_TYPES: ReadonlyMap<number, InodeNode['kind'] | 'directory'> = new Map([
  [0o010000, 'fifo'],
  [0o020000, 'char'],
  [0o040000, 'directory'],
  [0o060000, 'block'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
])

export interface EntryContext {
  readonly profile: Profile
  readonly limits: NormalizeLimits
  readonly tree: LayerTree
  /** One Meta for all entries of the same mode and owner. */
  readonly metas: Map<string, Meta>
}

/** The size of the content that follows, in bytes, and the file that it belongs to. */
export interface AddedEntry {
  readonly size: number
  readonly file: OpenFile | undefined
}

/** The path of an entry as written, for messages: it may be none that is valid. */
export function rawPath(header: TarHeader, extension: Extension): ByteString {
  return extension.path ?? header.path
}

/** Adds the entry to the tree. */
export function addEntry(
  header: TarHeader,
  extension: Extension,
  context: EntryContext,
  place: NormalizeErrorPlace,
): AddedEntry {
  const { limits, tree } = context
  const size = effectiveSize(header, extension)
  const path = parseEntryPath(rawPath(header, extension), limits)
  if (path.trailingSlash && header.type !== 'directory') {
    fail('path-trailing-slash', 'a trailing slash on what is no directory')
  }
  if (header.type !== 'file' && size !== 0) {
    fail('size-unexpected', 'a size on an entry that has no content')
  }
  if (addWhiteout(path, header, extension, size, tree)) return { size: 0, file: undefined }
  const link = extension.linkpath ?? header.linkpath
  const linkGiven = extension.linkpath !== undefined || link !== ''
  if (header.type !== 'symlink' && header.type !== 'hardlink' && linkGiven) {
    fail('link-unexpected', 'a link name on what is no link')
  }
  const meta = effectiveMeta(header, extension, context)
  const modeType = parseModeType(header)
  switch (header.type) {
    case 'directory':
      tree.addDirectory(path, meta)
      break
    case 'file':
      if (path.path === ESTARGZ_TOC) fail('estargz', 'an eStargz table of contents')
      return {
        size,
        file: tree.addInode(path, { kind: 'file', meta, size, content: '' }),
      }
    case 'symlink':
      tree.addInode(path, { kind: 'symlink', meta, target: checkLink(link, limits) })
      break
    case 'hardlink': {
      const kind = modeType === 'directory' ? undefined : modeType
      tree.addHardlink(path, parseTarget(link, limits), meta, kind, place)
      break
    }
    case 'char':
    case 'block': {
      const { major, minor } = header
      if (major > MAX_DEVICE || minor > MAX_DEVICE) fail('device-range', 'a device beyond 32 bits')
      tree.addInode(path, { kind: header.type, meta, major, minor })
      break
    }
    case 'fifo':
      tree.addInode(path, { kind: 'fifo', meta })
      break
    case 'pax':
    case 'pax-global':
    case 'gnu-path':
    case 'gnu-linkpath':
      throw new Error(`${header.type} is an extension, not an entry`)
  }
  return { size: 0, file: undefined }
}

function fail(code: NormalizeError['code'], message: string): never {
  throw new NormalizeError(code, message)
}

function effectiveSize(header: TarHeader, extension: Extension): number {
  const { size } = extension
  if (size === undefined) return header.size
  if (size !== header.size && size < HEADER_SIZE_OVERFLOW) {
    fail('pax-size', "a size record that is not the header's size")
  }
  return size
}

/** Whether the entry is a whiteout, and the tree has it. Its mode, owner and link are noise. */
function addWhiteout(
  path: EntryPath,
  header: TarHeader,
  extension: Extension,
  size: number,
  tree: LayerTree,
): boolean {
  if (!path.path.includes(WHITEOUT_PREFIX)) return false
  checkNoWhiteout(path.components.slice(0, -1))
  const name = path.components.at(-1)
  if (!name?.startsWith(WHITEOUT_PREFIX)) return false
  if (header.type !== 'file') fail('whiteout-kind', 'a whiteout that is no regular file')
  if (size !== 0) fail('whiteout-size', 'a whiteout that is not empty')
  if (extension.xattrs.length > 0 || extension.records.length > 0) {
    fail('whiteout-attributes', 'a whiteout with extended attributes or PAX records')
  }
  if (name === OPAQUE_NAME) {
    tree.addOpaque(path)
    return true
  }
  const removed = name.slice(WHITEOUT_PREFIX.length)
  const impossible = removed === '' || removed === '.' || removed === '..'
  if (impossible || name.startsWith(WHITEOUT_RESERVED)) {
    fail('whiteout-name', 'a whiteout of nothing, or a reserved name of AUFS')
  }
  const components = [...path.components.slice(0, -1), removed]
  tree.addWhiteout({ components, path: components.join('/'), trailingSlash: false })
  return true
}

function checkNoWhiteout(components: readonly ByteString[]): void {
  for (const component of components) {
    if (component.startsWith(WHITEOUT_PREFIX)) {
      fail('whiteout-parent', 'a whiteout name in the middle of a path')
    }
  }
}

function effectiveMeta(header: TarHeader, extension: Extension, context: EntryContext): Meta {
  const uid = extension.uid ?? header.uid
  const gid = extension.gid ?? header.gid
  if (header.mode > MAX_MODE) fail('mode-bits', 'a mode with bits above 0177777')
  if (uid > MAX_ID || gid > MAX_ID) fail('owner-range', 'a uid or gid above 2^32-2')
  const mode = header.type === 'symlink' ? SYMLINK_MODE : header.mode & MODE_MASK
  const mtime = clampTime(extension.mtime ?? header.mtime, context.profile)
  const { xattrs, records } = extension
  if (xattrs.length > 0 || records.length > 0) return { mode, uid, gid, mtime, xattrs, records }
  const key = `${mode},${uid},${gid},${mtime ?? ''}`
  const known = context.metas.get(key)
  if (known !== undefined) return known
  const meta: Meta = { mode, uid, gid, mtime, xattrs: [], records: [] }
  if (context.metas.size >= MAX_SHARED_METAS) context.metas.clear()
  context.metas.set(key, meta)
  return meta
}

function clampTime(mtime: number, profile: Profile): number | undefined {
  if (profile.mtimeClamp === undefined) return undefined
  if (mtime < 0) fail('pax-value', 'a time before 1970, which this profile cannot hold')
  return Math.min(mtime, profile.mtimeClamp)
}

/** What the file-type bits of the mode say, if anything; it must be what the type flag says. */
function parseModeType(header: TarHeader): InodeNode['kind'] | 'directory' | undefined {
  const bits = header.mode & ~MODE_MASK
  if (bits === 0) return undefined
  const kind = MODE_TYPES.get(bits)
  // A hardlink may carry the type of its target, which the tree compares.
  const agrees = header.type === 'hardlink' ? kind !== 'directory' : kind === header.type
  if (kind === undefined || !agrees) {
    fail('mode-type', 'a mode whose file-type bits are not those of the type flag')
  }
  return kind
}

function checkLink(link: ByteString, limits: NormalizeLimits): ByteString {
  if (link === '') fail('link-empty', 'a link without a target')
  if (link.includes('\0')) fail('link-nul', 'a link target with a NUL')
  if (link.length > limits.maxPathBytes) {
    fail('link-too-long', `a link target over ${limits.maxPathBytes} bytes`)
  }
  return link
}

function parseTarget(link: ByteString, limits: NormalizeLimits): EntryPath {
  const target = parseEntryPath(checkLink(link, limits), limits)
  if (target.trailingSlash) fail('path-trailing-slash', 'a trailing slash on a hardlink target')
  checkNoWhiteout(target.components)
  return target
}
