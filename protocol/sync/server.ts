/**
 * The answering side of one exchange, as steps: it says what it needs done and is resumed. It knows
 * no stream, no clock and no disk, and holds nothing between two requests but the number of rounds,
 * so that a client costs no memory. It answers for what it has and is never asked why.
 */
import type { Crypto } from '../crypto.ts'
import type { Sid } from '../identifiers.ts'
import { LEAF_SLOT_BYTES } from '../log/leaf.ts'
import type { Origin } from '../log/origin.ts'
import {
  encodeAnswer,
  ITEM_HEADER_BYTES,
  LIST_HEADER_BYTES,
  MAX_ROWS_PER_FRAME,
  MORE,
  type LeafRun,
  type ListType,
  type More,
  type SyncRefusal,
} from './answers.ts'
import {
  MAX_ENTRIES_PER_FRAME,
  MAX_FRAME_BYTES,
  MAX_FRAMES_PER_ANSWER,
  MAX_ROUNDS,
} from './limits.ts'
import { digestOfRows, sortRows, type SyncQuery } from './query.ts'
import { parseRequest, type LeafRange, type QueryStart, type SyncRequest } from './requests.ts'
import type { ReadStep, ReceiveStep, ServerRun, ServerStep } from './steps.ts'
import type { SyncBook } from './sync-book.ts'
import { SyncError } from './sync-error.ts'
import { compareOrigins } from './wire.ts'

/** Bodies that are read at once, so that a request costs little memory. */
const READ_AHEAD = 16

export interface ServerComponents {
  readonly crypto: Crypto
  readonly book: SyncBook
}

/** Where a `read` step fails, whoever runs it sends `refusal('unavailable')` and stops. */
export function* serveSync(components: ServerComponents): ServerRun {
  for (let rounds = 1; ; rounds++) {
    const step: ReceiveStep = { type: 'receive' }
    yield step
    if (step.frame === undefined) return
    const request = readRequest(step.frame)
    if (request === undefined || rounds > MAX_ROUNDS) {
      const code = request === undefined ? 'bad-request' : 'too-many-rounds'
      yield { type: 'send', frame: refusal(code) }
      return
    }
    yield* answer(request, components)
  }
}

export function refusal(code: SyncRefusal): Uint8Array {
  return encodeAnswer({ type: 'error', code })
}

function readRequest(frame: Uint8Array): SyncRequest | undefined {
  try {
    return parseRequest(frame)
  } catch (error) {
    if (error instanceof SyncError) return undefined
    throw error
  }
}

function* answer(request: SyncRequest, { crypto, book }: ServerComponents): ServerRun {
  switch (request.type) {
    case 'query':
      return yield* rows(request.query, request.start, crypto, book)
    case 'heads':
      return yield* list(
        'heads',
        here(request.origins, (origin) => book.book.head(origin.text)?.bytes),
      )
    case 'proofs':
      return yield* list(
        'proofs',
        here(request.origins, (origin) => book.proofBytes(origin)),
      )
    case 'leaves':
      return yield* leaves(request.ranges, book)
    case 'bodies':
      return yield* list('bodies', bodies(request.sids))
  }
}

function* rows(query: SyncQuery, start: QueryStart, crypto: Crypto, book: SyncBook): ServerRun {
  const all = sortRows(book.rows(query))
  if (start.kind === 'digest' && start.digest === digestOfRows(all, crypto)) {
    yield { type: 'send', frame: encodeAnswer({ type: 'same' }) }
    return
  }
  const rest =
    start.kind === 'digest'
      ? all
      : all.filter(({ origin }) => compareOrigins(origin, start.origin) > 0)
  for (let frame = 1, at = 0; ; frame++, at += MAX_ROWS_PER_FRAME) {
    const more = moreAfter(frame, at + MAX_ROWS_PER_FRAME >= rest.length)
    const part = rest.slice(at, at + MAX_ROWS_PER_FRAME)
    yield { type: 'send', frame: encodeAnswer({ type: 'rows', more, rows: part }) }
    if (more !== MORE.inNextFrame) return
  }
}

function* here(
  origins: readonly Origin[],
  find: (origin: Origin) => Uint8Array | undefined,
): Generator<ServerStep | Uint8Array, void, void> {
  for (const origin of origins) {
    const found = find(origin)
    if (found !== undefined) yield found
  }
}

function* bodies(sids: readonly Sid[]): Generator<ServerStep | Uint8Array, void, void> {
  for (let i = 0; i < sids.length; i += READ_AHEAD) {
    const step: ReadStep = { type: 'read', sids: sids.slice(i, i + READ_AHEAD) }
    yield step
    for (const body of step.bodies ?? []) if (body !== undefined) yield body
  }
}

/** As many things to a frame as fit. What is no step is a thing. */
function* list(type: ListType, things: Generator<ServerStep | Uint8Array, void, void>): ServerRun {
  let items: Uint8Array[] = []
  let size = LIST_HEADER_BYTES
  let frame = 1
  for (const thing of things) {
    if (!(thing instanceof Uint8Array)) {
      yield thing
      continue
    }
    const grown = size + ITEM_HEADER_BYTES + thing.length
    if (grown > MAX_FRAME_BYTES || items.length === MAX_ENTRIES_PER_FRAME) {
      const more = moreAfter(frame, false)
      yield { type: 'send', frame: encodeAnswer({ type, more, items }) }
      if (more === MORE.askAgain) return
      frame++
      items = []
      size = LIST_HEADER_BYTES
    }
    items.push(thing)
    size += ITEM_HEADER_BYTES + thing.length
  }
  yield { type: 'send', frame: encodeAnswer({ type, more: MORE.none, items }) }
}

function* leaves(ranges: readonly LeafRange[], book: SyncBook): ServerRun {
  let runs: LeafRun[] = []
  let count = 0
  let frame = 1
  for (const [place, { origin, from, to }] of ranges.entries()) {
    for (let at = from; at < to;) {
      if (count === MAX_ENTRIES_PER_FRAME) {
        const more = moreAfter(frame, false)
        yield { type: 'send', frame: encodeAnswer({ type: 'leaves', more, runs }) }
        if (more === MORE.askAgain) return
        frame++
        runs = []
        count = 0
      }
      const slots = book.book.entries(
        origin.text,
        at,
        Math.min(to, at + MAX_ENTRIES_PER_FRAME - count),
      )
      if (slots.length === 0) break
      runs.push({ place, slots })
      count += slots.length / LEAF_SLOT_BYTES
      at += slots.length / LEAF_SLOT_BYTES
    }
  }
  yield { type: 'send', frame: encodeAnswer({ type: 'leaves', more: MORE.none, runs }) }
}

/** What stands in frame number `frame` of an answer. */
function moreAfter(frame: number, whole: boolean): More {
  if (whole) return MORE.none
  return frame === MAX_FRAMES_PER_ANSWER ? MORE.askAgain : MORE.inNextFrame
}
