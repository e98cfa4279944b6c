/**
 * The frames of sids sync, and their one binary form. Integers are big-endian.
 *
 *   LIST    01 | count u16 | (length u8 | image)…  | count u16 | (length u8 | operator id)…
 *              | 00, or 01 and the sid (32) after which to go on
 *   GET     02 | count u16 | sid (32)…
 *   SIDS    81 | more u8 | count u16 | sid (32)…
 *   BODIES  82 | more u8 | count u16 | (length u16 | statement)…
 *   ERROR   ff | code u8
 *
 * Names and sids ascend strictly, so that a set has one form and a list cannot run in circles.
 * `more` is 0 in the last frame of an answer that is whole, 1 where another frame follows, and 2
 * in the last frame of an answer that was cut: the client asks again for the rest.
 * Whatever else comes is an error of the peer that sent it.
 */
import { compareBytes, concat, decodeUtf8, parseHex, toHex, utf8 } from '../../../protocol/bytes.ts'
import { MAX_STATEMENT_BYTES } from '../../../protocol/envelope.ts'
import { isOperatorId, type Sid } from '../../../protocol/identifiers.ts'
import { isImageName } from '../../../protocol/image-name.ts'
import type { SyncWants } from '../admission.ts'
import { NetworkError } from '../network-error.ts'
import {
  MAX_FRAME_BYTES,
  MAX_SIDS_PER_FRAME,
  MAX_WANTED_IMAGES,
  MAX_WANTED_OPERATORS,
} from './limits.ts'

const SID_BYTES = 32

export const MORE = Object.freeze({ none: 0, inNextFrame: 1, askAgain: 2 })
type More = (typeof MORE)[keyof typeof MORE]

const ERROR_CODES = ['busy', 'bad-request', 'too-many-rounds', 'unavailable'] as const
export type SyncRefusal = (typeof ERROR_CODES)[number]

export type Request =
  | { readonly type: 'list'; readonly wants: SyncWants; readonly after: Sid | undefined }
  | { readonly type: 'get'; readonly sids: readonly Sid[] }

export type Answer =
  | { readonly type: 'sids'; readonly more: More; readonly sids: readonly Sid[] }
  | { readonly type: 'bodies'; readonly more: More; readonly bodies: readonly Uint8Array[] }
  | { readonly type: 'error'; readonly code: SyncRefusal }

/** Room for the fixed part of a BODIES frame; each body takes 2 bytes and itself. */
export const BODIES_HEADER_BYTES = 4
export const BODY_HEADER_BYTES = 2

export function encodeRequest(request: Request): Uint8Array {
  if (request.type === 'get') {
    return concat(Uint8Array.of(0x02), ...sidList([...request.sids].sort()))
  }
  const { wants, after } = request
  return concat(
    Uint8Array.of(0x01),
    ...nameList(wants.images),
    ...nameList(wants.operators),
    ...(after === undefined ? [Uint8Array.of(0)] : [Uint8Array.of(1), sidBytes(after)]),
  )
}

export function parseRequest(frame: Uint8Array): Request {
  const reader = new Reader(frame)
  const type = reader.byte()
  if (type === 0x02) {
    const sids = reader.sids()
    if (sids.length === 0) throw malformed('a GET that asks for nothing')
    reader.end()
    return { type: 'get', sids }
  }
  if (type !== 0x01) throw malformed(`a request of unknown type ${type}`)
  const images = reader.names(MAX_WANTED_IMAGES, isImageName)
  const operators = reader.names(MAX_WANTED_OPERATORS, isOperatorId)
  const after = reader.flag() ? reader.sid() : undefined
  reader.end()
  return { type: 'list', wants: { images, operators }, after }
}

export function encodeAnswer(answer: Answer): Uint8Array {
  switch (answer.type) {
    case 'sids':
      return concat(Uint8Array.of(0x81, answer.more), ...sidList(answer.sids))
    case 'bodies':
      return concat(
        Uint8Array.of(0x82, answer.more),
        u16(answer.bodies.length),
        ...answer.bodies.flatMap((body) => [u16(body.length), body]),
      )
    case 'error':
      return Uint8Array.of(0xff, ERROR_CODES.indexOf(answer.code))
  }
}

export function parseAnswer(frame: Uint8Array): Answer {
  const reader = new Reader(frame)
  const type = reader.byte()
  if (type === 0x81) {
    const answer = { type: 'sids', more: reader.more(), sids: reader.sids() } as const
    reader.end()
    return answer
  }
  if (type === 0x82) {
    const answer = { type: 'bodies', more: reader.more(), bodies: reader.bodies() } as const
    reader.end()
    return answer
  }
  if (type !== 0xff) throw malformed(`an answer of unknown type ${type}`)
  const code = ERROR_CODES[reader.byte()]
  if (code === undefined) throw malformed('an error of unknown code')
  reader.end()
  return { type: 'error', code }
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function sidBytes(sid: Sid): Uint8Array {
  const bytes = parseHex(sid)
  if (bytes?.length !== SID_BYTES) throw new Error(`not a sid: ${sid}`)
  return bytes
}

function sidList(sids: readonly Sid[]): Uint8Array[] {
  return [u16(sids.length), ...sids.map(sidBytes)]
}

function nameList(names: readonly string[]): Uint8Array[] {
  const sorted = [...new Set(names)].map(utf8).sort(compareBytes)
  return [u16(sorted.length), ...sorted.flatMap((name) => [Uint8Array.of(name.length), name])]
}

function malformed(what: string): NetworkError {
  return new NetworkError('sync-protocol', `sync: the peer sent ${what}`)
}

/** Reads one frame from front to end; whatever does not fit is malformed. */
class Reader {
  readonly #frame: Uint8Array
  #at = 0

  constructor(frame: Uint8Array) {
    if (frame.length > MAX_FRAME_BYTES) throw malformed(`a frame of ${frame.length} bytes`)
    this.#frame = frame
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#frame.length) throw malformed('a frame that ends too early')
    const bytes = this.#frame.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0
  }

  u16(): number {
    return this.byte() * 256 + this.byte()
  }

  flag(): boolean {
    const value = this.byte()
    if (value > 1) throw malformed(`a flag of value ${value}`)
    return value === 1
  }

  more(): More {
    const value = this.byte()
    if (value !== 0 && value !== 1 && value !== 2) throw malformed(`"more" of value ${value}`)
    return value
  }

  sid(): Sid {
    return toHex(this.bytes(SID_BYTES))
  }

  sids(): Sid[] {
    const count = this.u16()
    if (count > MAX_SIDS_PER_FRAME) throw malformed(`${count} sids in one frame`)
    const sids = Array.from({ length: count }, () => this.sid())
    checkAscending(sids)
    return sids
  }

  names(max: number, isName: (text: string) => boolean): string[] {
    const count = this.u16()
    if (count > max) throw malformed(`${count} names in one list`)
    const names = Array.from({ length: count }, () => {
      const name = decodeUtf8(this.bytes(this.byte()))
      if (name === undefined || !isName(name)) throw malformed('a name that is none')
      return name
    })
    // Names are ASCII, so the order of strings is that of bytes.
    checkAscending(names)
    return names
  }

  bodies(): Uint8Array[] {
    return Array.from({ length: this.u16() }, () => {
      const length = this.u16()
      if (length === 0 || length > MAX_STATEMENT_BYTES)
        throw malformed(`a statement of ${length} bytes`)
      return this.bytes(length)
    })
  }

  end(): void {
    if (this.#at !== this.#frame.length) throw malformed('a frame with bytes after its end')
  }
}

function checkAscending(list: readonly string[]): void {
  for (let i = 1; i < list.length; i++) {
    if ((list[i] ?? '') <= (list[i - 1] ?? '')) throw malformed('a list that does not ascend')
  }
}
