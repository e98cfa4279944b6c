/**
 * What layers laid over one another have under a name, told from the records of all of them.
 *
 * A stack is a directory: those directories of layers that make it, the lowest first. What a layer
 * removes or replaces is buried: it is not part of the result, and its own faults count all the same.
 */
import { escapePath } from '../escape-path.ts'
import { type ByteString, fromByteString } from './byte-string.ts'
import { mergeByName } from './merge-by-name.ts'
import { NormalizeError, type NormalizeErrorCode } from './normalize-error.ts'
import type { TreeOpener } from './packed-tree.ts'
import { isWhiteoutDevice, withoutDriverXattrs } from './plain-tree.ts'
import type { Profile } from './profile.ts'
import { FLAG_LATE, FLAG_OPAQUE, FLAG_PLAIN, type RecordReader } from './tree-record.ts'
import type { InodeNode, Meta, NodeKind } from './tree.ts'

const IMPLIED_MODE = 0o755

/** Builders leave these behind empty, and runtimes mount over them. */
const ABSENT_FILES: ReadonlySet<ByteString> = new Set([
  'etc/hosts',
  'etc/hostname',
  'etc/resolv.conf',
  '.dockerenv',
  'run/.containerenv',
])
const ABSENT_DIRECTORIES: ReadonlySet<ByteString> = new Set(['dev', 'proc', 'sys', 'run'])
/** What they lie in. */
const REPLACED: ReadonlySet<ByteString> = new Set(['etc', 'run'])

/** A record of a layer's tree. */
interface Piece {
  /** Index of the layer. */
  readonly layer: number
  readonly at: number
}

export interface Stack {
  readonly kind: 'stack'
  meta: Meta
  pieces: Piece[]
}

type Leaf = Piece & { readonly kind: InodeNode['kind'] }
type State = Stack | Leaf

interface Fault {
  readonly layer: number
  readonly code: NormalizeErrorCode
  readonly message: string
}

interface Laid {
  /** Undefined: nothing is there. Up to the fault, where there is one. */
  readonly state: State | undefined
  readonly buried: readonly Stack[]
  readonly fault: Fault | undefined
}

/** Whether entries of this directory may vanish that no layer removes. */
export function isReplaced(path: ByteString): boolean {
  return REPLACED.has(path)
}

export class StackReader {
  readonly #layers: readonly TreeOpener[]
  readonly #impliedMeta: Meta

  constructor(layers: readonly TreeOpener[], profile: Profile) {
    this.#layers = layers
    const mtime = profile.mtimeClamp === undefined ? undefined : 0
    this.#impliedMeta = { mode: IMPLIED_MODE, uid: 0, gid: 0, mtime, xattrs: [], records: [] }
  }

  of(layer: number): RecordReader {
    return (this.#layers[layer] as TreeOpener).reader
  }

  flags({ layer, at }: Piece): number {
    return this.of(layer).flags(at)
  }

  /** All layers, laid over one another. */
  root(): { readonly stack: Stack; readonly buried: readonly Stack[] } {
    const stack = this.#newStack()
    const buried: Stack[] = []
    for (const [layer, { tree }] of this.#layers.entries()) {
      this.#layOver(stack, { layer, at: tree.root }, buried)
    }
    return { stack, buried }
  }

  /** Every name in the directory, sorted, with what the layers below `end` make of it. */
  *names(
    { pieces }: Stack,
    end = Infinity,
  ): Generator<readonly [name: ByteString, laid: Laid], void, undefined> {
    const below = pieces.filter(({ layer }) => layer < end)
    const sources = below.map(({ layer, at }) => (this.#layers[layer] as TreeOpener).records(at))
    let name: ByteString | undefined
    let events: Piece[] = []
    for (const [next, at, source] of mergeByName(sources)) {
      if (name !== undefined && next !== name) {
        yield [name, this.#lay(events)]
        events = []
      }
      name = next
      events.push({ layer: (below[source] as Piece).layer, at })
    }
    if (name !== undefined) yield [name, this.#lay(events)]
  }

  /** What the directory at `path` has in the end. `path` has a slash after it but for the root. */
  *visible(
    stack: Stack,
    path: ByteString,
  ): Generator<readonly [name: ByteString, state: State], void, undefined> {
    for (const [name, { state }] of this.names(stack)) {
      if (state !== undefined && !this.#isAbsent(path + name, state)) yield [name, state]
    }
  }

  count(stack: Stack, path: ByteString): number {
    let count = 0
    for (const _ of this.visible(stack, path)) count++
    return count
  }

  #isAbsent(path: ByteString, state: State): boolean {
    if (state.kind === 'file' && ABSENT_FILES.has(path)) {
      return this.of(state.layer).size(state.at) === 0
    }
    if (state.kind !== 'stack' || !ABSENT_DIRECTORIES.has(path)) return false
    return this.count(state, `${path}/`) === 0
  }

  /** `events`: what layers have under one name, the lowest first. */
  #lay(events: readonly Piece[]): Laid {
    let state: State | undefined
    const buried: Stack[] = []
    for (const event of events) {
      const kind = this.of(event.layer).kind(event.at) as NodeKind
      if (kind === 'directory') {
        const fault = this.#faultOfParent(state, event)
        if (fault !== undefined) return { state, buried, fault }
        if (state?.kind !== 'stack') state = this.#newStack()
        this.#layOver(state, event, buried)
        continue
      }
      if (state?.kind === 'stack') buried.push(state)
      state = undefined
      if (kind === 'whiteout') continue
      const fault = this.#faultOfLeaf(kind, event)
      if (fault !== undefined) return { state, buried, fault }
      state = { ...event, kind }
    }
    return { state, buried, fault: undefined }
  }

  #newStack(): Stack {
    return { kind: 'stack', meta: this.#impliedMeta, pieces: [] }
  }

  /** Lays a directory over the others. */
  #layOver(stack: Stack, piece: Piece, buried: Stack[]): void {
    const flags = this.flags(piece)
    const reader = this.of(piece.layer)
    if ((flags & FLAG_OPAQUE) !== 0 && stack.pieces.length > 0) {
      buried.push({ ...stack })
      stack.pieces = []
    }
    const meta = reader.metaOf(piece.at)
    if (meta !== undefined) stack.meta = withoutDriverXattrs(meta)
    const [only] = stack.pieces
    if (only !== undefined && stack.pieces.length === 1) {
      // What is laid over an equal plain tree changes nothing.
      const plain = (flags & this.flags(only) & FLAG_PLAIN) !== 0
      if (plain && this.of(only.layer).hash(only.at) === reader.hash(piece.at)) return
    }
    stack.pieces.push(piece)
  }

  /**
   * Only a directory's own entry takes the place of something else, and only if it comes before what
   * lies beneath it: until then a runtime would write through the symlink.
   */
  #faultOfParent(state: State | undefined, { layer, at }: Piece): Fault | undefined {
    if (state === undefined || state.kind === 'stack') return undefined
    const late = (this.flags({ layer, at }) & FLAG_LATE) !== 0
    if (!late && this.of(layer).metaOf(at) !== undefined) return undefined
    if (state.kind === 'symlink') {
      const message = 'a path beneath a symlink of a lower layer'
      return { layer, code: 'flatten-symlink-parent', message }
    }
    const message = 'a path beneath a non-directory of a lower layer'
    return { layer, code: 'flatten-parent-not-directory', message }
  }

  #faultOfLeaf(kind: InodeNode['kind'], { layer, at }: Piece): Fault | undefined {
    if (kind === 'xlink') {
      return { layer, code: 'flatten-hardlink', message: 'a hardlink across layers' }
    }
    if (kind !== 'char' || !isWhiteoutDevice(this.of(layer).inode(kind, at))) return undefined
    const message = 'a 0:0 character device, which some runtimes take for a whiteout'
    return { layer, code: 'flatten-device-0-0', message }
  }
}

/** The fault of the lowest layer that has one; of its faults the first, in the order of paths. */
export function findFault(layers: StackReader): NormalizeError | undefined {
  const search = new FaultSearch(layers)
  const { stack, buried } = layers.root()
  for (const each of [...buried, stack]) search.look(each, '')
  return search.found
}

class FaultSearch {
  readonly #layers: StackReader
  /** Faults of this layer and those above it do not count any more. */
  #end = Infinity
  found: NormalizeError | undefined

  constructor(layers: StackReader) {
    this.#layers = layers
  }

  look(stack: Stack, prefix: ByteString): void {
    const below = stack.pieces.filter(({ layer }) => layer < this.#end)
    const [only] = below
    if (only === undefined) return
    if (below.length === 1 && (this.#layers.flags(only) & FLAG_PLAIN) !== 0) return
    for (const [name, { state, buried, fault }] of this.#layers.names(stack, this.#end)) {
      const path = prefix + name
      if (fault !== undefined && fault.layer < this.#end) {
        const { layer, code, message } = fault
        this.#end = layer
        this.found = new NormalizeError(code, message, {
          layer,
          path: escapePath(fromByteString(path)),
        })
      }
      for (const each of buried) this.look(each, `${path}/`)
      if (state?.kind === 'stack') this.look(state, `${path}/`)
    }
  }
}
