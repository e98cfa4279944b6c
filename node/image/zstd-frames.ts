/**
 * The frames of a zstd stream, RFC 8878 section 3.1, found without decompressing.
 *
 * Decoders differ about what stands between and after frames, and about how large a window they
 * grant; Node's stops at the end of the first frame. So the boundaries are found here: every byte
 * of the blob belongs to a frame, and skippable frames, dictionaries and large windows are refused.
 */
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'

export const ZSTD_MAGIC = 0xfd2fb528

/** More frames than a 32 GiB layer has in pieces of 512 KiB; each costs a call of the decoder. */
const MAX_ZSTD_FRAMES = 65_536

const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

export function isSkippableMagic(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === 0x184d2a50
}

type State = 'magic' | 'descriptor' | 'header' | 'block' | 'content' | 'checksum'

/** Pushed the bytes of a blob in pieces of any size, says where each frame ends. */
export class ZstdFrames {
  readonly #maxWindowBytes: number
  readonly #layer: number | undefined
  #state: State = 'magic'
  /** Bytes of the current field that have come. */
  #field: number[] = []
  #fieldBytes = 4
  #descriptor = 0
  /** Bytes of block content still to come. */
  #content = 0
  #lastBlock = false
  #frames = 0

  constructor({
    maxWindowBytes,
    layer,
  }: {
    readonly maxWindowBytes: number
    readonly layer?: number | undefined
  }) {
    this.#maxWindowBytes = maxWindowBytes
    this.#layer = layer
  }

  /** `chunk` in pieces none of which has bytes of two frames. Throws NormalizeError `zstd-*`. */
  split(chunk: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = []
    let start = 0
    for (let at = 0; at < chunk.length;) {
      if (this.#state === 'content') {
        const taken = Math.min(this.#content, chunk.length - at)
        this.#content -= taken
        at += taken
        if (this.#content > 0) continue
        this.#afterBlock()
      } else {
        this.#field.push(chunk[at++] as number)
        if (this.#field.length < this.#fieldBytes) continue
        const field = this.#field
        this.#field = []
        this.#take(field)
      }
      if (this.#atBoundary) {
        pieces.push(chunk.subarray(start, at))
        start = at
      }
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start))
    return pieces
  }

  /** Throws unless the blob ended at the end of a frame. */
  end(): void {
    if (!this.#atBoundary)
      throw this.#error('zstd-truncated', 'the zstd stream ends inside a frame')
  }

  get #atBoundary(): boolean {
    return this.#state === 'magic' && this.#field.length === 0
  }

  #expect(state: State, bytes: number): void {
    this.#state = state
    this.#fieldBytes = bytes
  }

  #take(field: readonly number[]): void {
    if (this.#state === 'magic') this.#takeMagic(littleEndian(field))
    else if (this.#state === 'descriptor') this.#takeDescriptor(field[0] as number)
    else if (this.#state === 'header') this.#takeHeader(field)
    else if (this.#state === 'block') this.#takeBlock(littleEndian(field))
    else this.#expect('magic', 4)
  }

  #takeMagic(magic: number): void {
    if (isSkippableMagic(magic)) {
      throw this.#error(
        'zstd-chunked',
        'the zstd stream has a skippable frame, such as zstd:chunked writes',
      )
    }
    if (magic !== ZSTD_MAGIC)
      throw this.#error('zstd-trailing-bytes', 'bytes that are no zstd frame follow the stream')
    if (++this.#frames > MAX_ZSTD_FRAMES) {
      throw this.#error(
        'limit-zstd-frames',
        `the zstd stream has more than ${MAX_ZSTD_FRAMES} frames`,
      )
    }
    this.#expect('descriptor', 1)
  }

  #takeDescriptor(descriptor: number): void {
    if ((descriptor & 0x08) !== 0)
      throw this.#error('zstd-corrupt', 'a zstd frame has its reserved bit set')
    this.#descriptor = descriptor
    const { windowBytes, dictionaryBytes, contentSizeBytes } = headerFields(descriptor)
    const bytes = windowBytes + dictionaryBytes + contentSizeBytes
    this.#expect('header', bytes)
  }

  #takeHeader(field: readonly number[]): void {
    const { windowBytes, dictionaryBytes, contentSizeBytes } = headerFields(this.#descriptor)
    if (field.slice(windowBytes, windowBytes + dictionaryBytes).some((byte) => byte !== 0)) {
      throw this.#error('zstd-dictionary', 'a zstd frame needs a dictionary')
    }
    const sizeField = field.slice(windowBytes + dictionaryBytes)
    const window =
      windowBytes === 1
        ? windowSize(field[0] as number)
        : littleEndian(sizeField) + (contentSizeBytes === 2 ? 256 : 0)
    if (window > this.#maxWindowBytes) {
      throw this.#error(
        'zstd-window',
        `a zstd frame needs a window of ${window} bytes, more than ${this.#maxWindowBytes}`,
      )
    }
    this.#expect('block', BLOCK_HEADER_BYTES)
  }

  #takeBlock(header: number): void {
    this.#lastBlock = (header & 1) !== 0
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK)
      throw this.#error('zstd-corrupt', 'a zstd frame has a block of a reserved type')
    this.#content = type === RLE_BLOCK ? 1 : header >> 3
    if (this.#content > 0) this.#state = 'content'
    else this.#afterBlock()
  }

  #afterBlock(): void {
    if (!this.#lastBlock) this.#expect('block', BLOCK_HEADER_BYTES)
    else if ((this.#descriptor & 0x04) !== 0) this.#expect('checksum', CHECKSUM_BYTES)
    else this.#expect('magic', 4)
  }

  #error(code: NormalizeError['code'], message: string): NormalizeError {
    return new NormalizeError(code, message, { layer: this.#layer })
  }
}

/** How many bytes of each field follow the frame header descriptor. */
function headerFields(descriptor: number): {
  readonly windowBytes: 0 | 1
  readonly dictionaryBytes: number
  readonly contentSizeBytes: number
} {
  const singleSegment = (descriptor & 0x20) !== 0
  const size = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3]
  return {
    windowBytes: singleSegment ? 0 : 1,
    dictionaryBytes: DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3],
    contentSizeBytes: size === 0 && singleSegment ? 1 : size,
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** Unsigned, exact up to 2^53. */
function littleEndian(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0)
}
