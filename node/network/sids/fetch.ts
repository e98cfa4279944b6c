/**
 * The asking side of one exchange: what does the peer have that is missing here?
 *
 * Nothing that the peer says is believed. A body is taken when it hashes to a sid that was asked
 * for and its signature verifies; the first that does not ends the exchange, and is a lie, since a
 * peer checks what it keeps. Rounds, frames and sizes are bounded here as well as there.
 */
import type { Crypto } from '../../../protocol/crypto.ts'
import { parseEnvelope } from '../../../protocol/envelope.ts'
import type { Sid } from '../../../protocol/identifiers.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { sidOf } from '../../../protocol/sid.ts'
import { StatementError } from '../../../protocol/statement-error.ts'
import type { SignedStatement, StatementKind } from '../../../protocol/statement.ts'
import type { SyncWants } from '../admission.ts'
import { NetworkError } from '../network-error.ts'
import { encodeRequest, MORE, parseAnswer, type Answer, type Request } from './frames.ts'
import {
  MAX_FRAMES_PER_ANSWER,
  MAX_ROUNDS,
  MAX_SIDS_PER_FRAME,
  MAX_WANTED_IMAGES,
  MAX_WANTED_OPERATORS,
} from './limits.ts'

export interface FetchComponents {
  readonly crypto: Crypto
  readonly wants: SyncWants
  /** Whether a sid is neither stored nor declined. */
  isMissing(sid: Sid): Promise<boolean> | boolean
  /** Takes a verified statement that was asked for. */
  take(statement: SignedStatement, bytes: Uint8Array): Promise<void>
  /** A body that this version cannot read, and that says nothing against the peer. */
  decline(sid: Sid): void
}

export interface FetchResult {
  /** Statements that were missing and came. */
  fetched: number
  /** False where the rounds did not suffice: another exchange brings more. */
  complete: boolean
}

/** Releases before what speaks of them, cards before what they vouch for. */
const ORDER: Readonly<Record<StatementKind, number>> = {
  operator: 0,
  release: 1,
  rebuild: 2,
  withdrawal: 3,
}

/** Fills in `result` while it runs; the exchange is over when it returns. */
export async function* fetchSids(
  answers: AsyncIterable<Uint8Array>,
  components: FetchComponents,
  result: FetchResult,
): AsyncGenerator<Uint8Array> {
  const conversation = new Conversation(answers)
  for (const wants of splitWants(components.wants)) {
    let after: Sid | undefined
    for (let more = true; more;) {
      if (!conversation.hasRounds(2)) return
      yield conversation.ask({ type: 'list', wants, after })
      const listed = await conversation.sids(after)
      const missing: Sid[] = []
      for (const sid of listed.sids) if (await components.isMissing(sid)) missing.push(sid)
      const left = yield* fetchBodies(missing, conversation, components, result)
      if (left > 0) return
      more = listed.cut
      after = listed.sids.at(-1)
    }
  }
  result.complete = true
}

/** Asks for bodies until they are here or the rounds are used up; returns how many were not asked for. */
async function* fetchBodies(
  missing: readonly Sid[],
  conversation: Conversation,
  components: FetchComponents,
  result: FetchResult,
): AsyncGenerator<Uint8Array, number> {
  let queue = missing
  while (queue.length > 0) {
    if (!conversation.hasRounds(1)) return queue.length
    const batch = queue.slice(0, MAX_SIDS_PER_FRAME)
    yield conversation.ask({ type: 'get', sids: batch })
    const asked = new Set(batch)
    const { bodies, cut } = await conversation.bodies()
    const opened = bodies.flatMap((bytes) => open(bytes, asked, components))
    opened.sort((a, b) => ORDER[a.statement.body.kind] - ORDER[b.statement.body.kind])
    for (const { statement, bytes } of opened) {
      await components.take(statement, bytes)
      result.fetched++
    }
    // What is left of an answer that was whole, the peer does not have after all.
    queue = [...(cut ? asked : []), ...queue.slice(MAX_SIDS_PER_FRAME)]
  }
  return 0
}

interface Opened {
  readonly statement: SignedStatement
  readonly bytes: Uint8Array
}

/** Verifies one body and takes its sid out of `asked`. Nothing where this version cannot read it. */
function open(bytes: Uint8Array, asked: Set<Sid>, components: FetchComponents): Opened[] {
  const { crypto } = components
  let sid: Sid
  try {
    sid = sidOf(parseEnvelope(bytes), crypto)
  } catch (error) {
    // An envelope of a later version; which sid it has, only that version knows.
    if (error instanceof StatementError && error.disposition === 'ignore') return []
    throw lie('a statement that is none', error)
  }
  if (!asked.delete(sid)) throw lie('a statement that does not hash to a sid that was asked for')
  try {
    // A copy: the bytes are a view of the frame that they came in.
    return [{ statement: openStatement(bytes, crypto), bytes: bytes.slice() }]
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    if (error.disposition === 'reject') throw lie(`an invalid statement (${error.code})`, error)
    components.decline(sid)
    return []
  }
}

function lie(what: string, cause?: unknown): NetworkError {
  return new NetworkError(
    'sync-lie',
    `sync: the peer sent ${what}`,
    cause === undefined ? {} : { cause },
  )
}

function protocolError(what: string): NetworkError {
  return new NetworkError('sync-protocol', `sync: the peer sent ${what}`)
}

/** Requests and their answers, one at a time, within the limits. */
class Conversation {
  readonly #answers: AsyncIterator<Uint8Array>
  #rounds = 0

  constructor(answers: AsyncIterable<Uint8Array>) {
    this.#answers = answers[Symbol.asyncIterator]()
  }

  hasRounds(count: number): boolean {
    return this.#rounds + count <= MAX_ROUNDS
  }

  ask(request: Request): Uint8Array {
    this.#rounds++
    return encodeRequest(request)
  }

  async sids(after: Sid | undefined): Promise<{ sids: readonly Sid[]; cut: boolean }> {
    const all: Sid[] = []
    let last = after ?? ''
    const cut = await this.#frames((answer) => {
      if (answer.type !== 'sids') throw protocolError('something else than sids')
      for (const sid of answer.sids) {
        if (sid <= last) throw protocolError('a list that does not ascend')
        last = sid
        all.push(sid)
      }
      return answer.more
    })
    if (cut && all.length === 0) throw protocolError('an empty list that goes on')
    return { sids: all, cut }
  }

  async bodies(): Promise<{ bodies: readonly Uint8Array[]; cut: boolean }> {
    const all: Uint8Array[] = []
    const cut = await this.#frames((answer) => {
      if (answer.type !== 'bodies') throw protocolError('something else than bodies')
      all.push(...answer.bodies)
      return answer.more
    })
    if (cut && all.length === 0) throw protocolError('an empty answer that goes on')
    return { bodies: all, cut }
  }

  /** Reads the frames of one answer; true where it was cut. */
  async #frames(read: (answer: Answer) => number): Promise<boolean> {
    for (let frame = 1; ; frame++) {
      if (frame > MAX_FRAMES_PER_ANSWER) throw protocolError('an answer of too many frames')
      const next = await this.#answers.next()
      // Not a lie: the peer may be stopping.
      if (next.done === true) throw new NetworkError('sync-ended', 'sync: the peer hung up')
      const answer = parseAnswer(next.value)
      if (answer.type === 'error') throw refused(answer.code)
      const more = read(answer)
      if (more !== MORE.inNextFrame) return more === MORE.askAgain
    }
  }
}

function refused(code: string): NetworkError {
  return code === 'busy' || code === 'unavailable'
    ? new NetworkError('sync-busy', `sync: the peer cannot answer now (${code})`)
    : new NetworkError('sync-refused', `sync: the peer refused (${code})`)
}

/** Wants in portions that fit in one request each. */
function splitWants(wants: SyncWants): SyncWants[] {
  const portions: SyncWants[] = []
  const { images, operators } = wants
  for (let i = 0, o = 0; i < images.length || o < operators.length;) {
    portions.push({
      images: images.slice(i, i + MAX_WANTED_IMAGES),
      operators: operators.slice(o, o + MAX_WANTED_OPERATORS),
    })
    i += MAX_WANTED_IMAGES
    o += MAX_WANTED_OPERATORS
  }
  return portions
}
