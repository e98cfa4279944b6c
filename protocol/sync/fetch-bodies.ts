/** Bodies by sid: a body is taken when it hashes to a sid that was asked for, and verifies. */
import type { Crypto } from '../crypto.ts'
import { parseEnvelope } from '../envelope.ts'
import type { Sid } from '../identifiers.ts'
import { sidOf } from '../sid.ts'
import { StatementError } from '../statement-error.ts'
import type { StatementKind } from '../statement.ts'
import type { Conversation } from './conversation.ts'
import type { ClientRun, OpenedStatement, OpenStep } from './steps.ts'
import { lie } from './sync-error.ts'

export interface FetchBodiesComponents {
  readonly crypto: Crypto
  readonly conversation: Conversation
  /** A statement that this version cannot read: not asked for again for a while. */
  readonly decline: (sid: Sid) => void
}

/** Cards before what they vouch for, releases before what speaks of them, withdrawals last. */
function rank(kind: StatementKind): number {
  if (kind === 'operator') return 0
  if (kind === 'release') return 1
  return kind === 'withdrawal' ? 3 : 2
}

/** At most 600 sids. What comes is handed to `take`, frame by frame. */
export function* fetchBodies(
  sids: readonly Sid[],
  components: FetchBodiesComponents,
  take: (statements: readonly OpenedStatement[]) => ClientRun,
): ClientRun {
  const { conversation } = components
  const asked = new Set(sids)
  for (let cut = asked.size > 0; cut && asked.size > 0;) {
    yield* conversation.ask({ type: 'bodies', sids: [...asked] })
    cut = yield* conversation.frames('bodies', function* ({ items }) {
      const statements = yield* open(items, asked, components)
      if (statements.length > 0) yield* take(statements)
      return items.length
    })
  }
}

/** Verifies the bodies of one frame and takes their sids out of `asked`. */
function* open(
  items: readonly Uint8Array[],
  asked: Set<Sid>,
  { crypto, decline }: FetchBodiesComponents,
): ClientRun<OpenedStatement[]> {
  const named = items.flatMap((item) => {
    const sid = nameOf(item, crypto)
    if (sid === undefined) return []
    if (!asked.delete(sid)) throw lie('a statement that does not hash to a sid that was asked for')
    return [{ sid, bytes: item.slice() }]
  })
  const step: OpenStep = { type: 'open', bodies: named.map(({ bytes }) => bytes) }
  yield step
  const statements = named.flatMap(({ sid, bytes }, i): OpenedStatement[] => {
    const statement = step.opened?.[i]
    if (statement === undefined) throw new Error('a step was not done')
    if (!(statement instanceof StatementError)) return [{ statement, bytes }]
    if (statement.disposition === 'reject') {
      throw lie(`an invalid statement (${statement.code})`, statement)
    }
    decline(sid)
    return []
  })
  return statements.sort((a, b) => rank(a.statement.body.kind) - rank(b.statement.body.kind))
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
