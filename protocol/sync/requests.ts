/**
 * What a client of sync asks, and the one binary form of it.
 *
 *   QUERY   01 | 00 and the digest (32) of what the client has, or 01 and the origin after which to go on
 *              | count u16 | operator id (55)… | count u16 | key (32)… | count u16 | tag (16)…
 *   HEADS   02 | count u16 | origin…
 *   LEAVES  03 | count u16 | (origin | from u32 | to u32)…
 *   BODIES  04 | count u16 | sid (32)…
 *   PROOFS  05 | count u16 | origin…
 *
 * Names ascend strictly, so that a set has one form.
 */
import { concat, utf8 } from '../bytes.ts'
import type { Sid } from '../identifiers.ts'
import { MAX_LOG_SIZE } from '../log/leaf.ts'
import type { Origin } from '../log/origin.ts'
import { MAX_QUERY_KEYS, MAX_QUERY_OPERATORS, MAX_QUERY_TAGS } from './limits.ts'
import type { SyncQuery } from './query.ts'
import { malformed } from './sync-error.ts'
import {
  compareOrigins,
  compareText,
  encodeOrigin,
  encodeSet,
  FrameReader,
  hexBytes,
  u32,
} from './wire.ts'

/** Where a query begins: the whole answer unless it would be what the client has, or the rest of one. */
export type QueryStart =
  | { readonly kind: 'digest'; readonly digest: string }
  | { readonly kind: 'after'; readonly origin: Origin }

/** Leaves of one log: the first, and the one after the last. */
export interface LeafRange {
  readonly origin: Origin
  readonly from: number
  readonly to: number
}

export type SyncRequest =
  | { readonly type: 'query'; readonly start: QueryStart; readonly query: SyncQuery }
  | { readonly type: 'heads'; readonly origins: readonly Origin[] }
  | { readonly type: 'leaves'; readonly ranges: readonly LeafRange[] }
  | { readonly type: 'bodies'; readonly sids: readonly Sid[] }
  | { readonly type: 'proofs'; readonly origins: readonly Origin[] }

export function encodeRequest(request: SyncRequest): Uint8Array {
  switch (request.type) {
    case 'query': {
      const { operators, keys, tags } = request.query
      return concat(
        Uint8Array.of(0x01),
        ...encodeStart(request.start),
        ...encodeSet([...operators].sort(compareText).map(utf8)),
        ...encodeSet([...keys].sort(compareText).map(hexBytes)),
        ...encodeSet([...tags].sort(compareText).map(hexBytes)),
      )
    }
    case 'heads':
      return concat(Uint8Array.of(0x02), ...originSet(request.origins))
    case 'leaves':
      return concat(
        Uint8Array.of(0x03),
        ...encodeSet(
          sortRanges(request.ranges).map(({ origin, from, to }) =>
            concat(encodeOrigin(origin), u32(from), u32(to)),
          ),
        ),
      )
    case 'bodies':
      return concat(
        Uint8Array.of(0x04),
        ...encodeSet([...request.sids].sort(compareText).map(hexBytes)),
      )
    case 'proofs':
      return concat(Uint8Array.of(0x05), ...originSet(request.origins))
  }
}

/** Throws SyncError `malformed`. */
export function parseRequest(frame: Uint8Array): SyncRequest {
  const reader = new FrameReader(frame)
  const request = readRequest(reader)
  reader.end()
  return request
}

function readRequest(reader: FrameReader): SyncRequest {
  const type = reader.byte()
  switch (type) {
    case 0x01:
      return {
        type: 'query',
        start: readStart(reader),
        query: {
          operators: reader.set(() => reader.operator(), compareText, MAX_QUERY_OPERATORS),
          keys: reader.set(() => reader.key(), compareText, MAX_QUERY_KEYS),
          tags: reader.set(() => reader.tag(), compareText, MAX_QUERY_TAGS),
        },
      }
    case 0x02:
      return { type: 'heads', origins: readOrigins(reader) }
    case 0x03: {
      const ranges = reader.set(() => readRange(reader), compareRanges)
      if (ranges.length === 0) throw malformed('a request for nothing')
      return { type: 'leaves', ranges }
    }
    case 0x04: {
      const sids = reader.set(() => reader.sid(), compareText)
      if (sids.length === 0) throw malformed('a request for nothing')
      return { type: 'bodies', sids }
    }
    case 0x05:
      return { type: 'proofs', origins: readOrigins(reader) }
    default:
      throw malformed(`a request of unknown type ${type}`)
  }
}

function encodeStart(start: QueryStart): Uint8Array[] {
  return start.kind === 'digest'
    ? [Uint8Array.of(0), hexBytes(start.digest)]
    : [Uint8Array.of(1), encodeOrigin(start.origin)]
}

function readStart(reader: FrameReader): QueryStart {
  const kind = reader.byte()
  if (kind === 0) return { kind: 'digest', digest: reader.hash() }
  if (kind !== 1) throw malformed(`a query that begins with ${kind}`)
  return { kind: 'after', origin: reader.origin() }
}

function originSet(origins: readonly Origin[]): Uint8Array[] {
  return encodeSet([...origins].sort(compareOrigins).map(encodeOrigin))
}

function readOrigins(reader: FrameReader): Origin[] {
  const origins = reader.set(() => reader.origin(), compareOrigins)
  if (origins.length === 0) throw malformed('a request for nothing')
  return origins
}

function readRange(reader: FrameReader): LeafRange {
  const origin = reader.origin()
  const from = reader.u32()
  const to = reader.u32()
  if (from >= to || to > MAX_LOG_SIZE) throw malformed(`a range from ${from} to ${to}`)
  return { origin, from, to }
}

function compareRanges(a: LeafRange, b: LeafRange): number {
  return compareOrigins(a.origin, b.origin)
}

/** As they stand in a request: the answer names them by their place in it. */
export function sortRanges(ranges: readonly LeafRange[]): LeafRange[] {
  return [...ranges].sort(compareRanges)
}
