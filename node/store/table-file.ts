/**
 * The checksums of LevelDB's table files, which LevelDB writes and, as it is built here, never looks
 * at. A flipped bit in a key could otherwise hide an entry without a trace.
 *
 * A file is blocks, each followed by its type (1 byte) and the masked CRC-32C of both (4), and a
 * footer that says where the index is, which says where the others are. Blocks lie side by side
 * without gaps, so every byte before the footer is checked. (LevelDB, doc/table_format.md)
 */
import { ByteReader } from './byte-reader.ts'
import { snappyDecompress } from './snappy.ts'
import { crc32c, maskedCrc } from './crc32c.ts'

const FOOTER_BYTES = 48
/** Behind each block. */
export const TRAILER_BYTES = 5
const MAGIC_LOW = 0x8b80fb57
const MAGIC_HIGH = 0xdb477524
const SNAPPY = 1

/** Where a block stands, without what follows it. */
export interface Handle {
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
  const footer = footerOf(file)
  if (footer === undefined) return false
  const handles = [footer.metaIndex, footer.index]
  for (const handle of [footer.metaIndex, footer.index]) {
    if (!isBlockIntact(file, handle)) return false
    handles.push(...handlesIn(contentsOf(file, handle)))
  }
  handles.sort((a, b) => a.offset - b.offset)
  let at = 0
  for (const handle of handles) {
    if (handle.offset !== at || !isBlockIntact(file, handle)) return false
    at += handle.size + TRAILER_BYTES
  }
  return at === file.length - FOOTER_BYTES
}

/** What the end of a table file says; undefined where that is none. Throws RangeError. */
function footerOf(
  file: Uint8Array,
): { readonly metaIndex: Handle; readonly index: Handle } | undefined {
  const end = file.length - FOOTER_BYTES
  if (end < 0) return undefined
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const isTable =
    view.getUint32(file.length - 8, true) === MAGIC_LOW &&
    view.getUint32(file.length - 4, true) === MAGIC_HIGH
  if (!isTable) return undefined
  const footer = new ByteReader(file.subarray(end))
  return { metaIndex: readHandle(footer), index: readHandle(footer) }
}

/** The blocks that hold entries, where the index is whole and says so; else undefined. */
export function dataHandles(file: Uint8Array): readonly Handle[] | undefined {
  try {
    const index = footerOf(file)?.index
    if (index === undefined || !isBlockIntact(file, index)) return undefined
    return handlesIn(contentsOf(file, index))
  } catch {
    return undefined
  }
}

export function isBlockIntact(file: Uint8Array, { offset, size }: Handle): boolean {
  const checked = file.subarray(offset, offset + size + 1)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  return view.getUint32(offset + size + 1, true) === maskedCrc(crc32c(checked))
}

/** A block as it was before it was compressed. Throws RangeError. */
export function contentsOf(file: Uint8Array, { offset, size }: Handle): Uint8Array {
  const bytes = file.subarray(offset, offset + size)
  return file[offset + size] === SNAPPY ? snappyDecompress(bytes) : bytes
}

/** The values of an index block: each is a handle. */
function handlesIn(block: Uint8Array): Handle[] {
  const handles: Handle[] = []
  for (const { value } of blockEntries(block)) handles.push(readHandle(new ByteReader(value)))
  return handles
}

/** The entries of a block in their order. Throws RangeError where it is no block, after those before. */
export function* blockEntries(
  block: Uint8Array,
): Generator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const restarts = view.getUint32(block.length - 4, true)
  const end = block.length - 4 - 4 * restarts
  if (end < 0) throw new RangeError('more restarts than there is room for')
  const reader = new ByteReader(block.subarray(0, end))
  let last = new Uint8Array(0)
  while (!reader.ended) {
    // Of its key only what differs from the one before is written.
    const shared = reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    if (shared > last.length) throw new RangeError('more is shared than there is')
    const key = new Uint8Array(shared + keyBytes)
    key.set(last.subarray(0, shared))
    key.set(reader.skip(keyBytes), shared)
    last = key
    yield { key, value: reader.skip(valueBytes) }
  }
}

function readHandle(reader: ByteReader): Handle {
  const offset = reader.varint()
  return { offset, size: reader.varint() }
}
