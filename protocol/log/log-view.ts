/**
 * What the verdict may believe of the operators' logs, at one moment.
 *
 * Complete means that nothing said up to a time can be hidden: for each key of the newest card every
 * log from number 0 is here, each closed one up to its seal, the open one under its head, with the
 * card that this head names and the statement of every leaf of the project. What is missing is named,
 * for `status` and `explain`. protocol/log/README.md.
 */
import { linkCards, type CardChain } from '../card-chain.ts'
import type { Crypto } from '../crypto.ts'
import type { ImageName, KeyHex, OperatorId, Sid, UnixSeconds } from '../identifiers.ts'
import type { OperatorCard } from '../operator-card.ts'
import { standingOf, type Revocation } from '../revocation.ts'
import type { SignedStatement } from '../statement.ts'
import type { LogView } from '../verdict/log-view.ts'
import type { EquivocationProof } from './equivocation.ts'
import type { FollowedLog } from './followed-log.ts'
import { KnownTags } from './known-tags.ts'
import { CARD_TAG } from './leaf.ts'
import { MAX_HEAD_AHEAD_SECONDS, type LogBook } from './log-book.ts'
import { parseOrigin } from './origin.ts'

export interface LogViewInit {
  readonly book: LogBook
  /** Opened cards, of the policy's operators and of announcers at least. */
  readonly cards: Iterable<SignedStatement<OperatorCard>>
  /** Those of the policy, each with the digest of the card that it pins. */
  readonly operators: readonly { readonly id: OperatorId; readonly card?: string }[]
  readonly now: UnixSeconds
  readonly crypto: Crypto
}

/** Why not everything that an operator said is here. */
export type LogGapReason =
  /** No card of it is here. */
  | 'no-card'
  /** A head names a card that is not here. */
  | 'card'
  /** No head of a key's log is here, or of one between others. */
  | 'log'
  /** A closed log is not here up to its seal. */
  | 'seal'
  /** Listed statements are not here. */
  | 'statements'

/** The logs of one operator, for people. */
export interface OperatorLogs {
  /** Time of the newest head of any key. */
  readonly newestHead?: UnixSeconds
  /** As LogView.completeUpTo. */
  readonly completeUpTo?: UnixSeconds
  /** In the order of the type; empty where it is complete. */
  readonly missing: readonly LogGapReason[]
  /** How many statements of the project are listed and not here. */
  readonly missingStatements: number
  /** A proof about one of its keys. */
  readonly proof?: EquivocationProof
}

export interface BookView extends LogView {
  /** The first moment at which it would be another of the same book: a clock may be trusted again. */
  readonly holdsUntil: UnixSeconds
  logsOf(operator: OperatorId, image: ImageName): OperatorLogs
}

interface Member {
  readonly chain: CardChain
  /** Keys of its newest card. */
  readonly keys: ReadonlySet<KeyHex>
  /** Keys of any card that is believed. */
  readonly everKeys: ReadonlySet<KeyHex>
}

const REASONS: readonly LogGapReason[] = ['no-card', 'card', 'log', 'seal', 'statements']

export function createLogView(init: LogViewInit): BookView {
  const { book, operators, now, crypto } = init
  const cardSids = new Map<Sid, OperatorCard>()
  const byOperator = new Map<OperatorId, OperatorCard[]>()
  for (const { sid, body } of init.cards) {
    cardSids.set(sid, body)
    byOperator.set(body.operator, [...(byOperator.get(body.operator) ?? []), body])
  }
  const pins = new Map(operators.map(({ id, card }) => [id, card]))
  const members = new Map<OperatorId, Member>()
  const memberOf = (operator: OperatorId): Member => {
    const known = members.get(operator)
    if (known !== undefined) return known
    const member = makeMember(linkCards(byOperator.get(operator) ?? [], pins.get(operator)))
    members.set(operator, member)
    return member
  }
  const tags = new KnownTags(crypto)

  const beginnings = new Map<string, boolean>()
  /** Whether the first leaves of a log are here and give a root: asked for each statement, hashed once. */
  const begins = (log: FollowedLog | undefined, size: number, root: string): boolean => {
    if (log === undefined) return false
    if (log.head?.size === size) return log.head.root === root
    const name = `${log.origin.text} ${size} ${root}`
    const answer = beginnings.get(name) ?? log.tree.hasPrefix(size, root)
    beginnings.set(name, answer)
    return answer
  }

  /** What of one key's logs is missing, and the time of its open log's head. */
  const examine = (operator: OperatorId, key: KeyHex, image: ImageName): KeyLogs => {
    // A log of which only claims were seen says nothing yet, and closes nothing.
    const logs = book.logsOf(operator, key).filter(({ head }) => head !== undefined)
    const missing = new Set<LogGapReason>()
    const open = logs.at(-1)
    if (open?.head === undefined) return { missing: new Set(['log']), missingStatements: 0 }
    const { head } = open
    const card = cardSids.get(head.card.sid)
    if (card?.operator !== operator || card.version !== head.card.version) missing.add('card')
    let missingStatements = 0
    for (const log of logs) {
      missingStatements += log.missing(tags.ofImage(image)) + log.missing(CARD_TAG)
    }
    if (missingStatements > 0) missing.add('statements')
    for (const gap of unsealed(logs, begins)) missing.add(gap)
    return { time: head.time, missing, missingStatements }
  }

  /** What was said before a key was given up still counts, and so must all of it be here. */
  const examineEnded = ({ origin, size, root }: Revocation, image: ImageName): KeyLogs => {
    const log = book.log(origin)
    // Where nothing of a key counts at all, there is nothing to wait for.
    if (size === 0 && (log?.origin ?? parseOrigin(origin)).n === 0) {
      return { missing: new Set(), missingStatements: 0 }
    }
    if (log === undefined || !begins(log, size, root)) {
      return { missing: new Set(['log']), missingStatements: 0 }
    }
    const { key, operator, n } = log.origin
    const logs = book.logsOf(operator, key).filter((each) => each.origin.n <= n)
    const missing = new Set<LogGapReason>(unsealed(logs, begins))
    const missingStatements = logs.reduce(
      (sum, each) => sum + each.missingBelow(tags.ofImage(image), each === log ? size : Infinity),
      0,
    )
    if (missingStatements > 0) missing.add('statements')
    return { missing, missingStatements }
  }

  const examined = new Map<string, OperatorLogs>()
  /** Asked for each cell of an answer, looked for once: a view is of one moment. */
  const logsOf = (operator: OperatorId, image: ImageName): OperatorLogs => {
    const name = `${operator} ${image}`
    const known = examined.get(name) ?? examineAll(operator, image)
    examined.set(name, known)
    return known
  }

  const examineAll = (operator: OperatorId, image: ImageName): OperatorLogs => {
    const { keys, everKeys, chain } = memberOf(operator)
    const each = [
      ...[...keys].map((key) => examine(operator, key, image)),
      ...chain.revocations.map((revocation) => examineEnded(revocation, image)),
    ]
    const missing = new Set(each.flatMap((logs) => [...logs.missing]))
    if (keys.size === 0) missing.add('no-card')
    const times = each.flatMap(({ time }) => time ?? [])
    const proof = proofAmong(operator, everKeys)
    return {
      ...(times.length === 0 ? {} : { newestHead: Math.max(...times) }),
      ...(missing.size > 0 ? {} : { completeUpTo: Math.min(...times) }),
      missing: REASONS.filter((reason) => missing.has(reason)),
      missingStatements: each.reduce((sum, logs) => sum + logs.missingStatements, 0),
      ...(proof === undefined ? {} : { proof }),
    }
  }

  const proofAmong = (
    operator: OperatorId,
    keys: ReadonlySet<KeyHex>,
  ): EquivocationProof | undefined => {
    for (const key of keys) {
      const proof = book.proofAbout(operator, key)
      if (proof !== undefined) return proof
    }
    return undefined
  }

  const early = book
    .held()
    .filter(
      ({ origin, time }) =>
        pins.has(origin.operator) &&
        time > now + MAX_HEAD_AHEAD_SECONDS &&
        memberOf(origin.operator).keys.has(origin.key),
    )
  /** Several heads of one operator are one voice: it may have one wrong clock. */
  const ahead = new Set(early.map(({ origin }) => origin.operator))

  return {
    checked: true,
    isCounted: (sid, key, operator) => {
      const leaf = book.leafOf(sid, key, operator)
      if (leaf === undefined) return false
      const { origin, index } = leaf
      const bounds = standingOf(origin.text, memberOf(operator).chain.revocations)
      if (typeof bounds === 'string') return bounds === 'all'
      return bounds.every(
        ({ size, root }) => index < size && begins(book.log(origin.text), size, root),
      )
    },
    isBelow: (sid, key, operator, logs) => {
      const leaf = book.leafOf(sid, key, operator)
      return logs.some(
        ({ origin, size, root }) =>
          leaf?.origin.text === origin &&
          leaf.index < size &&
          book.log(origin)?.tree.hasPrefix(size, root) === true,
      )
    },
    completeUpTo: (operator, image) => logsOf(operator, image).completeUpTo,
    isEquivocator: (operator) => proofAmong(operator, memberOf(operator).everKeys) !== undefined,
    clockSuspect: ahead.size >= 2,
    holdsUntil: Math.min(...early.map(({ time }) => time - MAX_HEAD_AHEAD_SECONDS)),
    logsOf,
  }
}

interface KeyLogs {
  readonly time?: UnixSeconds
  readonly missing: ReadonlySet<LogGapReason>
  readonly missingStatements: number
}

function makeMember(chain: CardChain): Member {
  const newest = chain.cards.filter(({ version }) => version === chain.newest?.version)
  return {
    chain,
    // With two cards of one version nothing is believed; until then nothing of either may be hidden.
    keys: new Set(newest.flatMap(({ keys }) => keys)),
    everKeys: new Set(chain.cards.flatMap(({ keys }) => keys)),
  }
}

/** What is missing of the logs before the last one. */
function* unsealed(
  logs: readonly FollowedLog[],
  begins: (log: FollowedLog, size: number, root: string) => boolean,
): Generator<LogGapReason> {
  for (const [i, log] of logs.entries()) {
    const before = logs[i - 1]
    const { seal, origin } = log
    if (origin.n === 0) continue
    if (before?.origin.n !== origin.n - 1 || seal === undefined) yield 'log'
    // More may be here than the seal says, of an owner that had lost its end; nothing may be missing.
    else if (before.claim !== undefined || !begins(before, seal.size, seal.root)) yield 'seal'
  }
}
