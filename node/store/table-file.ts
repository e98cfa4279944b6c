/**
 * The checksums of LevelDB's table files, which LevelDB writes and, as it is built here, never looks
 * at. A flipped bit in a key could otherwise hide an entry without a trace.
 *
 * A file is blocks, each followed by its type (1 byte) and the masked CRC-32C of both (4), and a
 * footer that says where the index is, which says where the others are. Blocks lie side by side
 * without gaps, so every byte before the footer is checked. (LevelDB, doc/table_format.md)
 */
import { snappyDecompress } from './snappy.ts'
import { crc32c } from './crc32c.ts'

const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC_LOW = 0x8b80fb57
const MAGIC_HIGH = 0xdb477524
const MASK_DELTA = 0xa282ead8
const SNAPPY = 1

interface Handle {
  readonly offset: number
  readonly size: number
}

/** Whether the file is, block for block, as LevelDB wrote it. */
export function isTableFileIntact(file: Uint8Array): boolean {
  try {
    return areBlocksIntact(file)
  } catch {
    // Anything that cannot be read as a table is not one.
    return false
  }
}

function areBlocksIntact(file: Uint8Array): boolean {
  const end = file.length - FOOTER_BYTES
  if (end < 0) return false
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const isTable =
    view.getUint32(file.length - 8, true) === MAGIC_LOW &&
    view.getUint32(file.length - 4, true) === MAGIC_HIGH
  if (!isTable) return false
  const footer = new Reader(file.subarray(end))
  const [metaIndex, index] = [footer.handle(), footer.handle()]
  const handles = [metaIndex, index]
  for (const handle of [metaIndex, index]) {
    if (!isBlockIntact(file, handle)) return false
    handles.push(...handlesIn(contentsOf(file, handle)))
  }
  handles.sort((a, b) => a.offset - b.offset)
  let at = 0
  for (const handle of handles) {
    if (handle.offset !== at || !isBlockIntact(file, handle)) return false
    at += handle.size + TRAILER_BYTES
  }
  return at === end
}

function isBlockIntact(file: Uint8Array, { offset, size }: Handle): boolean {
  const checked = file.subarray(offset, offset + size + 1)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const crc = crc32c(checked)
  const masked = (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
  return view.getUint32(offset + size + 1, true) === masked
}

function contentsOf(file: Uint8Array, { offset, size }: Handle): Uint8Array {
  const bytes = file.subarray(offset, offset + size)
  return file[offset + size] === SNAPPY ? snappyDecompress(bytes) : bytes
}

/** The values of an index block: each is a handle. */
function handlesIn(block: Uint8Array): Handle[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const restarts = view.getUint32(block.length - 4, true)
  const reader = new Reader(block.subarray(0, block.length - 4 - 4 * restarts))
  const handles: Handle[] = []
  while (!reader.ended) {
    reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    reader.skip(keyBytes)
    handles.push(new Reader(reader.skip(valueBytes)).handle())
  }
  return handles
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) break
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new RangeError('a number that does not end')
  }

  skip(length: number): Uint8Array {
    const skipped = this.#bytes.subarray(this.#at, this.#at + length)
    if (skipped.length !== length) throw new RangeError('beyond the end')
    this.#at += length
    return skipped
  }

  handle(): Handle {
    const offset = this.varint()
    return { offset, size: this.varint() }
  }
}
