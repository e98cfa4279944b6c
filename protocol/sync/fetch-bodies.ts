/**
 * Bodies by sid: a body is taken when it hashes to a sid that was asked for, and verifies.
 *
 * Nothing waits for the rest: the next request is sent before the answer to the last one, and while
 * frames come in, what came before is verified, and what came before that is stored.
 */
import type { Crypto } from '../crypto.ts'
import { parseEnvelope } from '../envelope.ts'
import type { Sid } from '../identifiers.ts'
import { sidOf } from '../sid.ts'
import { StatementError } from '../statement-error.ts'
import type { StatementKind } from '../statement.ts'
import { OutOfRounds, type Conversation } from './conversation.ts'
import { MAX_REQUESTS_AHEAD } from './limits.ts'
import type { ClientRun, OpenedStatement, OpenStep } from './steps.ts'
import { lie, SyncError } from './sync-error.ts'

/** So much is verified and stored together: enough to be worth the way, and little memory. */
const PIECE_BYTES = 512 * 1024

export interface FetchBodiesComponents {
  readonly crypto: Crypto
  readonly conversation: Conversation
  /** A statement that this version cannot read: not asked for again for a while. */
  readonly decline: (sid: Sid) => void
  /** Stores what came, or a part of it: yields a `take` step. */
  readonly take: (statements: readonly OpenedStatement[]) => ClientRun
  /** The peer does not have this one. */
  readonly lacks?: (sid: Sid) => void
}

/** Cards before what they vouch for, releases before what speaks of them, withdrawals last. */
function rank(kind: StatementKind): number {
  if (kind === 'operator') return 0
  if (kind === 'release') return 1
  return kind === 'withdrawal' ? 3 : 2
}

/**
 * Asks for batches of at most 600 sids, which are made when it is their turn; what came is stored
 * when this ends. Throws OutOfRounds behind that where not all could be asked for.
 */
export function* fetchBodies(
  batches: Iterable<readonly Sid[]>,
  components: FetchBodiesComponents,
): ClientRun {
  const { conversation } = components
  const pieces = new Pieces(components)
  const rest = batches[Symbol.iterator]()
  /** Sids of each request whose answer has not come, in their order. */
  const asked: Set<Sid>[] = []
  const again: (readonly Sid[])[] = []
  let outOfRounds: OutOfRounds | undefined
  for (;;) {
    while (asked.length < MAX_REQUESTS_AHEAD && outOfRounds === undefined) {
      const sids = again.shift() ?? nextOf(rest)
      if (sids === undefined) break
      try {
        yield* conversation.ask({ type: 'bodies', sids })
        asked.push(new Set(sids))
      } catch (error) {
        if (!(error instanceof OutOfRounds)) throw error
        outOfRounds = error
      }
    }
    const [missing] = asked
    if (missing === undefined) break
    const cut = yield* answer(conversation, pieces, missing)
    asked.shift()
    if (cut && missing.size > 0) again.push([...missing])
    else for (const sid of missing) components.lacks?.(sid)
  }
  yield* pieces.end()
  if (outOfRounds !== undefined) throw outOfRounds
}

/** One answer; whether it was cut. What has come is stored, also where the rest does not come. */
function* answer(
  conversation: Conversation,
  pieces: Pieces,
  missing: Set<Sid>,
): ClientRun<boolean> {
  try {
    return yield* conversation.frames('bodies', ({ items }) => pieces.add(items, missing))
  } catch (error) {
    if (error instanceof SyncError) yield* pieces.end()
    throw error
  }
}

interface Piece {
  readonly sids: readonly Sid[]
  readonly step: OpenStep
}

/** What came, on its way into the store. */
class Pieces {
  readonly #components: FetchBodiesComponents
  /** Not yet worth the way. */
  #named: { readonly sid: Sid; readonly bytes: Uint8Array }[] = []
  #bytes = 0
  /** Is being verified. */
  #opening: Piece | undefined

  constructor(components: FetchBodiesComponents) {
    this.#components = components
  }

  /** The bodies of one frame; takes their sids out of `missing`, and says how many there were. */
  *add(items: readonly Uint8Array[], missing: Set<Sid>): ClientRun<number> {
    for (const item of items) {
      const sid = nameOf(item, this.#components.crypto)
      if (sid === undefined) continue
      if (!missing.delete(sid)) {
        throw lie('a statement that does not hash to a sid that was asked for')
      }
      this.#named.push({ sid, bytes: item.slice() })
      this.#bytes += item.length
    }
    if (this.#bytes >= PIECE_BYTES) yield* this.#open()
    return items.length
  }

  /** Everything that came is stored. */
  *end(): ClientRun {
    yield* this.#open()
    yield* this.#open()
    yield { type: 'settle' }
  }

  /** Begins to verify what has come, and to store what was verified meanwhile. */
  *#open(): ClientRun {
    const named = this.#named
    this.#named = []
    this.#bytes = 0
    const before = this.#opening
    this.#opening = undefined
    if (named.length > 0) {
      const step: OpenStep = { type: 'open', bodies: named.map(({ bytes }) => bytes) }
      yield step
      this.#opening = { sids: named.map(({ sid }) => sid), step }
    }
    if (before === undefined) return
    yield { type: 'opened', step: before.step }
    const statements = this.#statementsOf(before)
    if (statements.length > 0) yield* this.#components.take(statements)
  }

  #statementsOf({ sids, step }: Piece): OpenedStatement[] {
    const statements = sids.flatMap((sid, i): OpenedStatement[] => {
      const [bytes, statement] = [step.bodies[i], step.opened?.[i]]
      if (bytes === undefined || statement === undefined) throw new Error('a step was not done')
      if (!(statement instanceof StatementError)) return [{ statement, bytes }]
      if (statement.disposition === 'reject') {
        throw lie(`an invalid statement (${statement.code})`, statement)
      }
      this.#components.decline(sid)
      return []
    })
    return statements.sort((a, b) => rank(a.statement.body.kind) - rank(b.statement.body.kind))
  }
}

function nextOf<T>(iterator: Iterator<T>): T | undefined {
  const next = iterator.next()
  return next.done === true ? undefined : next.value
}

function nameOf(bytes: Uint8Array, crypto: Crypto): Sid | undefined {
  try {
    return sidOf(parseEnvelope(bytes), crypto)
  } catch (error) {
    // An envelope of a later version; which sid it has, only that version knows.
    if (error instanceof StatementError && error.disposition === 'ignore') return undefined
    throw lie('a statement that is none', error)
  }
}
