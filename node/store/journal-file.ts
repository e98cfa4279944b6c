/**
 * LevelDB's journals: batches that were written and stand in no table yet.
 *
 * A file is blocks of 32 KiB; a batch is one piece, or several with their place in it: checksum (4
 * bytes, masked, over kind and data), length (2), kind (1), data. A process that was killed leaves half
 * a batch at the end, and that is no damage. LevelDB gives up the rest of a block behind a damaged
 * piece; here the next one is looked for. (LevelDB, doc/log_format.md)
 */
import { ByteReader } from './byte-reader.ts'
import { crc32c, maskedCrc } from './crc32c.ts'
import { STATEMENT_KEY_BYTES, TABLES } from './keys.ts'
import { DELETED, STORED, type Version } from './version.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4] as const
/** Sequence of the first change (8 bytes), and how many there are (4). */
const BATCH_HEADER_BYTES = 12
/** How the change begins that stores a statement: its kind, the length of its key, its table. */
const STATEMENT_STORED = Uint8Array.of(STORED, STATEMENT_KEY_BYTES, TABLES.statement)

interface Piece {
  readonly kind: number
  readonly data: Uint8Array
  readonly intact: boolean
}

interface Batch {
  readonly bytes: Uint8Array
  readonly intact: boolean
}

/** Whether every batch is as LevelDB wrote it, but for one that it had not ended. */
export function isJournalIntact(file: Uint8Array): boolean {
  for (const { intact } of batches(file)) if (!intact) return false
  return true
}

/**
 * Every change that can still be read. One bit of a length leads astray in all that follows it in its
 * batch, and a batch may hold hundreds of statements: in a damaged one they are looked for at every
 * byte, so that some come twice.
 */
export function* journalVersions(file: Uint8Array): Generator<Version> {
  for (const batch of batches(file)) {
    try {
      yield* versionsIn(batch)
    } catch (error) {
      // What is no statement is lost in the rest of the batch.
      if (!(error instanceof RangeError)) throw error
    }
    if (!batch.intact) yield* statementsIn(batch.bytes)
  }
}

function* statementsIn(bytes: Uint8Array): Generator<Version> {
  const batch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = batch.indexOf(STATEMENT_STORED)
  for (; at >= 0; at = batch.indexOf(STATEMENT_STORED, at + 1)) {
    const reader = new ByteReader(bytes.subarray(at + STATEMENT_STORED.length - 1))
    try {
      const key = reader.skip(STATEMENT_KEY_BYTES)
      yield { key, value: reader.skip(reader.varint()), sequence: 0, intact: false }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
}

function* versionsIn({ bytes, intact }: Batch): Generator<Version> {
  if (bytes.length < BATCH_HEADER_BYTES) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let sequence = Number(view.getBigUint64(0, true))
  const reader = new ByteReader(bytes.subarray(BATCH_HEADER_BYTES))
  while (!reader.ended) {
    const [kind] = reader.skip(1)
    if (kind !== STORED && kind !== DELETED) throw new RangeError('no such change')
    const key = reader.skip(reader.varint())
    const value = kind === STORED ? reader.skip(reader.varint()) : undefined
    if (value !== undefined || intact) yield { key, value, sequence, intact }
    sequence++
  }
}

function* batches(file: Uint8Array): Generator<Batch> {
  let open: Uint8Array[] | undefined
  let intact = true
  for (const piece of pieces(file)) {
    const { kind, data } = piece
    const begins = kind === FULL || kind === FIRST
    // Its beginning or its end is lost.
    if (open !== undefined && begins) yield { bytes: Buffer.concat(open), intact: false }
    if (begins || open === undefined) [open, intact] = [[], begins]
    open.push(data)
    intact &&= piece.intact
    if (kind !== FULL && kind !== LAST) continue
    yield { bytes: Buffer.concat(open), intact }
    open = undefined
  }
  // What has no end was never written whole; where it is damaged as well, it may have had one.
  if (open !== undefined && !intact) yield { bytes: Buffer.concat(open), intact }
}

function* pieces(file: Uint8Array): Generator<Piece> {
  for (let start = 0; start < file.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, file.length)
    let at = start
    while (end - at >= HEADER_BYTES) {
      const size = pieceAt(file, at, end)
      if (size !== undefined) {
        const next = at + HEADER_BYTES + size
        yield {
          kind: file[at + 6] as number,
          data: file.subarray(at + HEADER_BYTES, next),
          intact: true,
        }
        at = next
        continue
      }
      const announced = at + HEADER_BYTES + lengthAt(file, at)
      const next = nextPiece(file, at, end)
      if (next === undefined && end === file.length && announced > end) return
      // Room that was never written to.
      if (next === undefined && file.subarray(at, end).every((byte) => byte === 0)) break
      const stop = next ?? Math.min(announced, end)
      const kind = file[at + 6] as number
      yield {
        kind: kind >= FULL && kind <= LAST ? kind : MIDDLE,
        data: file.subarray(at + HEADER_BYTES, stop),
        intact: false,
      }
      at = next ?? end
    }
  }
}

/** Where behind a damaged piece the next one begins: mostly where this one said that it ends. */
function nextPiece(file: Uint8Array, at: number, end: number): number | undefined {
  const announced = at + HEADER_BYTES + lengthAt(file, at)
  if (announced <= end && pieceAt(file, announced, end) !== undefined) return announced
  for (let next = at + 1; end - next >= HEADER_BYTES; next++) {
    if (pieceAt(file, next, end) !== undefined) return next
  }
  return undefined
}

function lengthAt(file: Uint8Array, at: number): number {
  return (file[at + 4] as number) | ((file[at + 5] as number) << 8)
}

/** The size of the piece that begins here, where a whole one does. */
function pieceAt(file: Uint8Array, at: number, end: number): number | undefined {
  if (end - at < HEADER_BYTES) return undefined
  const size = lengthAt(file, at)
  const kind = file[at + 6] as number
  const dataEnd = at + HEADER_BYTES + size
  if (kind < FULL || kind > LAST || dataEnd > end) return undefined
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const crc = maskedCrc(crc32c(file.subarray(at + 6, dataEnd)))
  return view.getUint32(at, true) === crc ? size : undefined
}
