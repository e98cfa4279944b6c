/**
 * The uncompressed tar of a layer, pushed in pieces of any size.
 *
 * The same bytes give the same digest, or the same error at the same place, however they are cut.
 * Content is hashed and forgotten; what is kept is proportional to the entries. After an error
 * the reader gives that error to every further call.
 */
import type { Crypto, Hasher } from '../crypto.ts'
import { toHex } from '../bytes.ts'
import { escapePath } from '../escape-path.ts'
import { type ByteString, digestOf, fromByteString, sha256Of } from './byte-string.ts'
import type { HashKey } from './half-sip-hash.ts'
import type { ImageBudget } from './image-budget.ts'
import { addEntry, type EntryContext, rawPath } from './layer-entry.ts'
import { LayerTree, type OpenFile } from './layer-tree.ts'
import { DEFAULT_NORMALIZE_LIMITS, type NormalizeLimits } from './limits.ts'
import { NormalizeError, type NormalizeErrorPlace } from './normalize-error.ts'
import { checkGlobalPax, type Extension, NO_EXTENSION, parseGnuName, parsePax } from './pax.ts'
import type { Profile } from './profile.ts'
import { type BlockStore, MemoryBlocks } from './tree-bytes.ts'
import { TaggedHash } from './tagged-hash.ts'
import { BLOCK_BYTES, isZeroBlock, parseTarHeader, type TarHeader } from './tar-header.ts'
import type { DirectoryNode, Meta } from './tree.ts'

export interface NormalizedLayer {
  /** The layer digest, lowercase hex without a prefix. */
  readonly digest: string
  /** Entries of the tar; extension headers are not entries. */
  readonly entries: number
  /** Uncompressed bytes, all of the stream. */
  readonly bytes: number
  /** What counts towards the limits of an image. */
  readonly treeEntries: number
  readonly metadataBytes: number
  readonly root: DirectoryNode
}

export interface LayerReaderInit {
  readonly profile: Profile
  /** Index of the layer from 0, for error messages. */
  readonly layer?: number
  readonly limits?: NormalizeLimits
  /** Shared by all layers of an image, so that its limits hold while they are read. */
  readonly budget?: ImageBudget
  /** Takes the contents of some files as they pass. */
  readonly collect?: ContentCollector
  /** Where the tree is put down; default memory of this thread. */
  readonly store?: BlockStore
  /** A secret of this process, so that no layer can be made to be slow. */
  readonly hashKey?: HashKey
}

export interface ContentCollector {
  /** Whether content of this size is kept until its digest is known; never 0. */
  wants(size: number): boolean
  take(digest: ByteString, content: Uint8Array): void
}

/** The longest path in an error message, in bytes. */
const MAX_MESSAGE_PATH_BYTES = 4096
const END_BLOCKS = 2
const NO_HASH_KEY: HashKey = { k0: 0, k1: 0 }

type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'extension'; readonly header: TarHeader; readonly data: Uint8Array }
  | {
      readonly kind: 'content'
      readonly file: OpenFile
      hasher: Hasher | undefined
      readonly collected: Uint8Array | undefined
    }
  | { readonly kind: 'padding' }
  | { readonly kind: 'tail' }

const HEADER: State = { kind: 'header' }
const PADDING: State = { kind: 'padding' }
const TAIL: State = { kind: 'tail' }

export class LayerReader {
  readonly #crypto: Crypto
  readonly #profile: Profile
  readonly #limits: NormalizeLimits
  readonly #budget: ImageBudget | undefined
  readonly #collect: ContentCollector | undefined
  readonly #layer: number | undefined
  readonly #tree: LayerTree
  readonly #hasher: TaggedHash
  readonly #context: EntryContext
  readonly #emptyContent: ByteString
  /** A header of which only a part has arrived. */
  readonly #partial = new Uint8Array(BLOCK_BYTES)
  #partialLength = 0
  #state: State = HEADER
  /** Bytes still to come in the state: of content, of extension data, of padding. */
  #remaining = 0
  #paddingAfter = 0
  #offset = 0
  #entries = 0
  #zeroBlocks = 0
  #extension: { readonly type: TarHeader['type']; readonly value: Extension } | undefined
  /** For messages: where what is being read began, and the path that it gives itself. */
  #errorEntry = 0
  #errorOffset = 0
  #errorPath: ByteString | undefined
  #failure: NormalizeError | undefined

  constructor(components: { readonly crypto: Crypto }, init: LayerReaderInit) {
    this.#crypto = components.crypto
    this.#profile = init.profile
    this.#limits = init.limits ?? DEFAULT_NORMALIZE_LIMITS
    this.#budget = init.budget
    this.#collect = init.collect
    this.#layer = init.layer
    this.#hasher = new TaggedHash({ crypto: this.#crypto }, { profile: this.#profile })
    this.#tree = new LayerTree({
      profile: this.#profile,
      limits: this.#limits,
      hasher: this.#hasher,
      store: init.store ?? new MemoryBlocks(),
      hashKey: init.hashKey ?? NO_HASH_KEY,
    })
    this.#context = {
      profile: this.#profile,
      limits: this.#limits,
      tree: this.#tree,
      metas: new Map<string, Meta>(),
    }
    this.#emptyContent = sha256Of(this.#crypto, new Uint8Array(0))
  }

  /** Takes the next bytes. They may be reused by the caller once this returns. */
  write(chunk: Uint8Array): void {
    this.#guard(() => {
      const room = this.#limits.maxLayerBytes - this.#offset - this.#partialLength
      const within = chunk.length <= room ? chunk : chunk.subarray(0, room)
      for (let at = 0; at < within.length;) at += this.#step(within, at)
      if (within.length < chunk.length) this.#failLimit()
    })
  }

  end(): NormalizedLayer {
    return this.#guard(() => {
      if (this.#state.kind !== 'tail') this.#checkEnd()
      const root = this.#tree.finish()
      const digest = this.#hasher.hash('layer', (writer) => writer.rawString(root.hash))
      return {
        digest: toHex(fromByteString(digest)),
        entries: this.#entries,
        bytes: this.#offset,
        treeEntries: this.#tree.entries,
        metadataBytes: this.#tree.metadataBytes,
        root,
      }
    })
  }

  /** Adds the place to an error, and keeps the first one. */
  #guard<T>(read: () => T): T {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return read()
    } catch (error) {
      if (!(error instanceof NormalizeError)) throw error
      this.#failure =
        error.layer === undefined && error.offset === undefined
          ? new NormalizeError(error.code, error.message, this.#errorPlace())
          : error
      throw this.#failure
    }
  }

  #errorPlace(): NormalizeErrorPlace {
    const path = this.#errorPath
    return {
      layer: this.#layer,
      entry: this.#errorEntry,
      offset: this.#errorOffset,
      path:
        path === undefined
          ? undefined
          : escapePath(fromByteString(path), { maxBytes: MAX_MESSAGE_PATH_BYTES }),
    }
  }

  /** Takes some bytes of `chunk` from `at` on, at least one, and says how many. */
  #step(chunk: Uint8Array, at: number): number {
    const state = this.#state
    if (state.kind === 'header') return this.#takeHeader(chunk, at)
    if (state.kind === 'tail') {
      this.#checkZeros(chunk, at, chunk.length, 'trailing-data', 'bytes after the end of the tar')
      this.#offset += chunk.length - at
      return chunk.length - at
    }
    const count = Math.min(this.#remaining, chunk.length - at)
    if (state.kind === 'padding') {
      this.#checkZeros(chunk, at, at + count, 'content-padding', 'padding that is not zero')
    } else if (state.kind === 'extension') {
      state.data.set(chunk.subarray(at, at + count), state.data.length - this.#remaining)
    } else {
      this.#takeContent(state, chunk.subarray(at, at + count))
    }
    this.#remaining -= count
    this.#offset += count
    if (this.#remaining === 0) this.#finishState(state)
    return count
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const available = chunk.length - at
    if (this.#partialLength === 0 && available >= BLOCK_BYTES) {
      this.#readHeader(chunk.subarray(at, at + BLOCK_BYTES))
      return BLOCK_BYTES
    }
    const count = Math.min(BLOCK_BYTES - this.#partialLength, available)
    this.#partial.set(chunk.subarray(at, at + count), this.#partialLength)
    this.#partialLength += count
    if (this.#partialLength === BLOCK_BYTES) {
      this.#partialLength = 0
      this.#readHeader(this.#partial)
    }
    return count
  }

  #readHeader(block: Uint8Array): void {
    this.#errorEntry = this.#entries
    this.#errorOffset = this.#offset
    this.#errorPath = undefined
    this.#budget?.takeBytes(BLOCK_BYTES)
    if (isZeroBlock(block)) {
      if (this.#extension !== undefined) this.#failDangling()
      this.#offset += BLOCK_BYTES
      if (++this.#zeroBlocks === END_BLOCKS) this.#state = TAIL
      return
    }
    if (this.#zeroBlocks > 0) {
      throw new NormalizeError('zero-block', 'an entry after a block of zeros')
    }
    const header = parseTarHeader(block)
    if (isExtension(header.type)) this.#openExtension(header)
    else this.#openEntry(header)
    this.#offset += BLOCK_BYTES
  }

  #openExtension(header: TarHeader): void {
    const before = this.#extension?.type
    if (before !== undefined) {
      throw before === header.type
        ? new NormalizeError('extension-repeated', 'two extension headers before one entry')
        : new NormalizeError('extension-mixed', 'extension headers of two kinds before one entry')
    }
    if (header.size > this.#limits.maxPaxBytes) {
      throw new NormalizeError(
        'limit-pax',
        `an extension header over ${this.#limits.maxPaxBytes} bytes`,
      )
    }
    this.#open({ kind: 'extension', header, data: new Uint8Array(header.size) }, header.size)
  }

  #openEntry(header: TarHeader): void {
    const extension = this.#extension?.value ?? NO_EXTENSION
    this.#extension = undefined
    this.#errorPath = rawPath(header, extension)
    const { tree } = this.#context
    const entriesBefore = tree.entries
    const metadataBefore = tree.metadataBytes
    const { size, file } = addEntry(header, extension, this.#context, {
      layer: this.#layer,
      entry: this.#entries,
      offset: this.#offset,
    })
    this.#budget?.takeEntries(tree.entries - entriesBefore, tree.metadataBytes - metadataBefore)
    this.#entries++
    if (file === undefined) return
    if (size === 0) this.#closeFile(file, this.#emptyContent)
    else {
      const collected = this.#collect?.wants(size) === true ? new Uint8Array(size) : undefined
      this.#open({ kind: 'content', file, hasher: undefined, collected }, size)
    }
  }

  #open(state: State, size: number): void {
    if (this.#offset + BLOCK_BYTES + size > this.#limits.maxLayerBytes) this.#failLimit()
    this.#state = state
    this.#remaining = size
    this.#paddingAfter = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES
    this.#budget?.takeBytes(size + this.#paddingAfter)
    if (size === 0) this.#finishState(state)
  }

  #takeContent(state: State & { readonly kind: 'content' }, bytes: Uint8Array): void {
    const { collected } = state
    collected?.set(bytes, collected.length - this.#remaining)
    if (state.hasher === undefined && bytes.length === this.#remaining) {
      this.#closeFile(state.file, sha256Of(this.#crypto, bytes))
    } else {
      state.hasher ??= this.#crypto.createSha256()
      state.hasher.update(bytes)
      if (bytes.length < this.#remaining) return
      this.#closeFile(state.file, digestOf(state.hasher))
    }
    if (collected !== undefined) this.#collect?.take(state.file.content, collected)
  }

  #closeFile(file: OpenFile, content: ByteString): void {
    file.content = content
    this.#tree.closeFile(file)
  }

  #finishState(state: State): void {
    if (state.kind === 'extension') this.#finishExtension(state.header, state.data)
    this.#state = HEADER
    if (state.kind !== 'padding' && this.#paddingAfter > 0) {
      this.#state = PADDING
      this.#remaining = this.#paddingAfter
    }
  }

  #finishExtension({ type }: TarHeader, data: Uint8Array): void {
    let value: Extension = NO_EXTENSION
    if (type === 'pax') value = parsePax(data, this.#context)
    else if (type === 'pax-global') checkGlobalPax(data)
    else if (type === 'gnu-path') value = { ...NO_EXTENSION, path: parseGnuName(data) }
    else value = { ...NO_EXTENSION, linkpath: parseGnuName(data) }
    this.#extension = { type, value }
  }

  #checkZeros(
    chunk: Uint8Array,
    from: number,
    to: number,
    code: NormalizeError['code'],
    message: string,
  ): void {
    for (let i = from; i < to; i++) {
      if (chunk[i] === 0) continue
      this.#errorOffset = this.#offset + i - from
      throw new NormalizeError(code, message)
    }
  }

  /** The stream has ended and two blocks of zeros have not been seen: nothing may be half read. */
  #checkEnd(): void {
    if (this.#state.kind !== 'header' || this.#partialLength > 0) {
      this.#errorOffset = this.#offset + this.#partialLength
      throw new NormalizeError('truncated', 'the tar ends in the middle of an entry')
    }
    if (this.#extension !== undefined) this.#failDangling()
  }

  #failDangling(): never {
    throw new NormalizeError('extension-dangling', 'an extension header with no entry after it')
  }

  #failLimit(): never {
    throw new NormalizeError(
      'limit-layer',
      `a layer that unpacks to more than ${this.#limits.maxLayerBytes} bytes`,
    )
  }
}

function isExtension(type: TarHeader['type']): boolean {
  return type === 'pax' || type === 'pax-global' || type === 'gnu-path' || type === 'gnu-linkpath'
}
