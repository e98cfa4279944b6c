/**
 * The answering side of one exchange: frames in, frames out, no stream and no clock.
 *
 * It holds nothing between two requests but the number of rounds, so that a client costs no memory.
 */
import type { Sid } from '../../../protocol/identifiers.ts'
import type { StatementSource, SyncWants } from '../admission.ts'
import { NetworkError } from '../network-error.ts'
import {
  BODIES_HEADER_BYTES,
  BODY_HEADER_BYTES,
  encodeAnswer,
  MORE,
  parseRequest,
  type Request,
  type SyncRefusal,
} from './frames.ts'
import { MAX_FRAME_BYTES, MAX_FRAMES_PER_ANSWER, MAX_ROUNDS, MAX_SIDS_PER_FRAME } from './limits.ts'

type Source = Pick<StatementSource, 'listSids' | 'read'>

export async function* serveSids(
  requests: AsyncIterable<Uint8Array>,
  source: Source,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  let rounds = 0
  for await (const frame of requests) {
    if (++rounds > MAX_ROUNDS) {
      yield refusal('too-many-rounds')
      return
    }
    const request = readRequest(frame)
    if (request === undefined) {
      yield refusal('bad-request')
      return
    }
    try {
      if (request.type === 'list') yield* list(request.wants, request.after, source)
      else yield* bodies(request.sids, source)
    } catch (error) {
      // The store failed; that is no answer of its own, so the client must not take it for one.
      onFailure(error)
      yield refusal('unavailable')
      return
    }
  }
}

function readRequest(frame: Uint8Array): Request | undefined {
  try {
    return parseRequest(frame)
  } catch (error) {
    if (error instanceof NetworkError) return undefined
    throw error
  }
}

export function refusal(code: SyncRefusal): Uint8Array {
  return encodeAnswer({ type: 'error', code })
}

async function* list(
  wants: SyncWants,
  start: Sid | undefined,
  source: Source,
): AsyncGenerator<Uint8Array> {
  let after = start
  for (let frame = 1; ; frame++) {
    const sids = await source.listSids(wants, after, MAX_SIDS_PER_FRAME)
    const whole = sids.length < MAX_SIDS_PER_FRAME
    const cut = frame === MAX_FRAMES_PER_ANSWER
    const more = whole ? MORE.none : cut ? MORE.askAgain : MORE.inNextFrame
    yield encodeAnswer({ type: 'sids', more, sids })
    if (whole || cut) return
    after = sids.at(-1)
  }
}

/** The bodies that are here, as many to a frame as fit. */
async function* bodies(sids: readonly Sid[], source: Source): AsyncGenerator<Uint8Array> {
  let packed: Uint8Array[] = []
  let size = BODIES_HEADER_BYTES
  let frames = 1
  for (const sid of sids) {
    const body = await source.read(sid)
    if (body === undefined) continue
    if (size + BODY_HEADER_BYTES + body.length > MAX_FRAME_BYTES) {
      const cut = frames === MAX_FRAMES_PER_ANSWER
      const more = cut ? MORE.askAgain : MORE.inNextFrame
      yield encodeAnswer({ type: 'bodies', more, bodies: packed })
      if (cut) return
      frames++
      packed = []
      size = BODIES_HEADER_BYTES
    }
    packed.push(body)
    size += BODY_HEADER_BYTES + body.length
  }
  yield encodeAnswer({ type: 'bodies', more: MORE.none, bodies: packed })
}
