/**
 * Everything that can still be read of a table file, by code that no byte of it can end.
 *
 * What stands in a damaged block is given out as well, as not intact: values here certify themselves.
 * Where the index is lost the blocks are found by their checksums, since they lie side by side.
 */
import { GrowingCrc, maskedCrc } from './crc32c.ts'
import {
  blockEntries,
  contentsOf,
  dataHandles,
  isBlockIntact,
  TRAILER_BYTES,
  type Handle,
} from './table-file.ts'
import { DELETED, STORED, type Version } from './version.ts'

/** Sequence (7 bytes) and kind behind each key. */
const TAG_BYTES = 8
/** A block ends with the entry that fills 4 KiB; no statement has more than 32. */
const MAX_BLOCK_BYTES = 40 * 1024
/** Beyond so much in which no block begins, a file without an index is given up. */
const MAX_GAP_BYTES = 64 * 1024

export function* tableVersions(file: Uint8Array): Generator<Version> {
  for (const handle of dataHandles(file) ?? findBlocks(file)) {
    const intact = handle.offset + handle.size < file.length && isIntact(file, handle)
    try {
      for (const { key, value } of blockEntries(contentsOf(file, handle))) {
        if (key.length < TAG_BYTES) continue
        const tag = new DataView(key.buffer, key.byteOffset + key.length - TAG_BYTES, TAG_BYTES)
        const kind = tag.getUint8(0)
        if (kind !== STORED && (kind !== DELETED || !intact)) continue
        yield {
          key: key.subarray(0, -TAG_BYTES),
          value: kind === STORED ? value : undefined,
          sequence: Number(tag.getBigUint64(0, true) >> 8n),
          intact,
        }
      }
    } catch (error) {
      // The rest of the block is lost.
      if (!(error instanceof RangeError)) throw error
    }
  }
}

function isIntact(file: Uint8Array, handle: Handle): boolean {
  try {
    return isBlockIntact(file, handle)
  } catch {
    // It is said to end beyond the end of the file.
    return false
  }
}

/** Index and filter blocks are among them; what these hold is nothing that certifies itself. */
function* findBlocks(file: Uint8Array): Generator<Handle> {
  let offset = 0
  let gap = 0
  while (offset < file.length && gap < MAX_GAP_BYTES) {
    const size = blockAt(file, offset)
    if (size === undefined) {
      offset++
      gap++
      continue
    }
    if (gap > 0) yield { offset: offset - gap, size: Math.max(0, gap - TRAILER_BYTES) }
    gap = 0
    yield { offset, size }
    offset += size + TRAILER_BYTES
  }
}

/** The size of the block that begins here, where one does. */
function blockAt(file: Uint8Array, offset: number): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const sum = new GrowingCrc()
  const end = Math.min(file.length - TRAILER_BYTES, offset + MAX_BLOCK_BYTES)
  for (let at = offset; at <= end; at++) {
    const kind = file[at] as number
    // The kind is 0 or 1, and summed like the rest.
    sum.add(kind)
    if (kind > 1 || at === offset) continue
    if (maskedCrc(sum.value) === view.getUint32(at + 1, true)) return at - offset
  }
  return undefined
}
