/**
 * What a server of sync answers, and the one binary form of it.
 *
 *   SAME    81
 *   ROWS    82 | more u8 | count u16 | (origin | size u32 | root (32) | time u64 | flags u8)…
 *   HEADS   83 | more u8 | count u16 | (length u16 | checkpoint)…
 *   LEAVES  84 | more u8 | count u16 | (place u16 | count u16 | leaf in a slot (49)…)…
 *   BODIES  85 | more u8 | count u16 | (length u16 | statement)…
 *   PROOFS  86 | more u8 | count u16 | (length u16 | proof)…
 *   ERROR   ff | code u8
 *
 * `more` is 0 in the last frame of an answer that is whole, 1 where another frame follows, and 2
 * in the last frame of an answer that was cut: the client asks again for the rest. Flag 1 of a
 * row: there is a proof that this log is forked. Leaves go on where those of the same place in the
 * request ended; places do not descend.
 */
import { concat } from '../bytes.ts'
import { MAX_STATEMENT_BYTES } from '../envelope.ts'
import { LEAF_SLOT_BYTES, MAX_LOG_SIZE } from '../log/leaf.ts'
import {
  MAX_ENTRIES_PER_FRAME,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  MAX_PROOF_BYTES,
} from './limits.ts'
import type { SyncRow } from './query.ts'
import { malformed } from './sync-error.ts'
import {
  checkAscending,
  compareOrigins,
  encodeList,
  encodeOrigin,
  FrameReader,
  hexBytes,
  ORIGIN_BYTES,
  u16,
  u32,
  u64,
} from './wire.ts'

export const MORE = Object.freeze({ none: 0, inNextFrame: 1, askAgain: 2 })
export type More = (typeof MORE)[keyof typeof MORE]

const ERROR_CODES = ['busy', 'bad-request', 'too-many-rounds', 'unavailable'] as const
export type SyncRefusal = (typeof ERROR_CODES)[number]

/** Answers that are lists of things with their length before them, and how long one may be. */
const LISTS = Object.freeze({
  heads: { type: 0x83, max: MAX_HEAD_BYTES },
  bodies: { type: 0x85, max: MAX_STATEMENT_BYTES },
  proofs: { type: 0x86, max: MAX_PROOF_BYTES },
})
export type ListType = keyof typeof LISTS
const LIST_TYPES = Object.keys(LISTS) as readonly ListType[]

/** Leaves that follow one another. */
export interface LeafRun {
  /** Which of the ranges that were asked for. */
  readonly place: number
  /** Slots of 49 bytes. */
  readonly slots: Uint8Array
}

export type SyncAnswer =
  | { readonly type: 'same' }
  | { readonly type: 'rows'; readonly more: More; readonly rows: readonly SyncRow[] }
  | { readonly type: ListType; readonly more: More; readonly items: readonly Uint8Array[] }
  | { readonly type: 'leaves'; readonly more: More; readonly runs: readonly LeafRun[] }
  | { readonly type: 'error'; readonly code: SyncRefusal }

/** Room for the fixed part of a frame with a list; each thing takes 2 bytes and itself. */
export const LIST_HEADER_BYTES = 4
export const ITEM_HEADER_BYTES = 2
const ROW_BYTES = ORIGIN_BYTES + 4 + 32 + 8 + 1
export const MAX_ROWS_PER_FRAME = Math.floor((MAX_FRAME_BYTES - LIST_HEADER_BYTES) / ROW_BYTES)

export function encodeAnswer(answer: SyncAnswer): Uint8Array {
  switch (answer.type) {
    case 'same':
      return Uint8Array.of(0x81)
    case 'error':
      return Uint8Array.of(0xff, ERROR_CODES.indexOf(answer.code))
    case 'rows':
      return concat(
        Uint8Array.of(0x82, answer.more),
        u16(answer.rows.length),
        ...answer.rows.map(encodeRow),
      )
    case 'leaves':
      return concat(
        Uint8Array.of(0x84, answer.more),
        u16(answer.runs.length),
        ...answer.runs.flatMap(({ place, slots }) => [
          u16(place),
          u16(slots.length / LEAF_SLOT_BYTES),
          slots,
        ]),
      )
    default:
      return concat(
        Uint8Array.of(LISTS[answer.type].type, answer.more),
        ...encodeList(answer.items),
      )
  }
}

/** Also what the digest of a set of rows is made of. */
export function encodeRow({ origin, size, root, time, proven }: SyncRow): Uint8Array {
  return concat(
    encodeOrigin(origin),
    u32(size),
    hexBytes(root),
    u64(time),
    Uint8Array.of(proven ? 1 : 0),
  )
}

/** Things are views of the frame. Throws SyncError `malformed`. */
export function parseAnswer(frame: Uint8Array): SyncAnswer {
  const reader = new FrameReader(frame)
  const answer = readAnswer(reader)
  reader.end()
  return answer
}

function readAnswer(reader: FrameReader): SyncAnswer {
  const type = reader.byte()
  if (type === 0x81) return { type: 'same' }
  if (type === 0xff) {
    const code = ERROR_CODES[reader.byte()]
    if (code === undefined) throw malformed('an error of unknown code')
    return { type: 'error', code }
  }
  if (type === 0x82) {
    const more = readMore(reader)
    const rows = reader.list(() => readRow(reader))
    checkAscending(rows, (a, b) => compareOrigins(a.origin, b.origin))
    return { type: 'rows', more, rows }
  }
  if (type === 0x84) {
    const more = readMore(reader)
    const runs = reader.list(() => readRun(reader))
    checkAscending(runs, (a, b) => a.place - b.place)
    return { type: 'leaves', more, runs }
  }
  const list = LIST_TYPES.find((each) => LISTS[each].type === type)
  if (list === undefined) throw malformed(`an answer of unknown type ${type}`)
  const more = readMore(reader)
  return { type: list, more, items: reader.list(() => reader.sized(LISTS[list].max)) }
}

function readMore(reader: FrameReader): More {
  const value = reader.byte()
  if (value !== 0 && value !== 1 && value !== 2) throw malformed(`"more" of value ${value}`)
  return value
}

function readRun(reader: FrameReader): LeafRun {
  const place = reader.u16()
  const count = reader.u16()
  if (count === 0 || count > MAX_ENTRIES_PER_FRAME) throw malformed(`a run of ${count} leaves`)
  return { place, slots: reader.bytes(count * LEAF_SLOT_BYTES) }
}

function readRow(reader: FrameReader): SyncRow {
  const origin = reader.origin()
  const size = reader.u32()
  if (size > MAX_LOG_SIZE) throw malformed(`a log of ${size} leaves`)
  const root = reader.hash()
  const time = reader.u64()
  const flags = reader.byte()
  if (flags > 1) throw malformed(`flags of value ${flags}`)
  return { origin, size, root, time, proven: flags === 1 }
}
