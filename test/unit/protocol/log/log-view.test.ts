/** What may be believed of logs: what counts, what is complete and up to when, who wrote two histories. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import type { CreatedStatement } from '../../../../protocol/create-statement.ts'
import type { LogBook } from '../../../../protocol/log/log-book.ts'
import { createLogView, type LogViewInit } from '../../../../protocol/log/log-view.ts'
import type { OperatorCard } from '../../../../protocol/operator-card.ts'
import { makeCardStatement, makeKey, rawRoot } from '../../../support/cards.ts'
import { makeBook, show, TestLog } from '../../../support/logs.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
  TEST_TIME,
  type TestOperator,
} from '../../../support/statements.ts'

const NOW = TEST_TIME + 1000
const alice = makeOperator('alice')
const bob = makeOperator('bob')
const rebuilt = makeRebuild()
const other = makeRebuild({ digest: 'other' })
const ELSEWHERE = 'registry.example/another/app'

type Card = CreatedStatement<OperatorCard>

function view(book: LogBook, spec: Partial<LogViewInit> & { own?: readonly Card[] } = {}) {
  const { own = [alice.card, bob.card], ...rest } = spec
  return createLogView({
    book,
    cards: own.map(({ statement }) => statement),
    operators: [{ id: alice.id }, { id: bob.id }],
    now: NOW,
    crypto: nodeCrypto,
    ...rest,
  })
}

function arrive(book: LogBook, ...statements: readonly CreatedStatement[]): void {
  for (const { statement, bytes } of statements) book.bodyArrived(statement, bytes)
}

/** Alice's log with her card and a rebuild, shown, with both statements. */
function complete(): { book: LogBook; log: TestLog } {
  const book = makeBook()
  const log = new TestLog(alice).add(alice.card, rebuilt)
  show(book, log)
  arrive(book, alice.card, rebuilt)
  return { book, log }
}

const upTo = (book: LogBook, spec = {}, image = TEST_IMAGE) =>
  view(book, spec).completeUpTo(alice.id, image)
const missing = (book: LogBook, spec = {}, image = TEST_IMAGE) =>
  view(book, spec).logsOf(alice.id, image).missing
const counts = (book: LogBook, { statement }: CreatedStatement, spec = {}) =>
  view(book, spec).isCounted(statement.sid, statement.key, alice.id)

describe('a statement counts', () => {
  it('once it is a leaf under a verified head of its own log', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(alice.card, rebuilt)
    expect(counts(book, rebuilt)).toBe(false)
    book.offerHead(log.head(), NOW)
    expect(counts(book, rebuilt)).toBe(false)
    book.addLeaves(0, log.slots(), log.head())
    expect(counts(book, rebuilt)).toBe(true)
    expect(counts(book, other)).toBe(false)
  })

  it("not by another's log, or one in another's name", () => {
    const book = makeBook()
    show(book, new TestLog(bob).add(rebuilt))
    show(book, new TestLog(alice, 0, bob.id).add(rebuilt))
    expect(counts(book, rebuilt)).toBe(false)
  })
})

describe('an operator is complete', () => {
  it('up to its head, with its card and every statement of the project', () => {
    const { book, log } = complete()
    expect(view(book).checked).toBe(true)
    expect(upTo(book)).toBe(TEST_TIME)
    expect(missing(book)).toEqual([])
    book.offerHead(log.head(TEST_TIME + 60), NOW)
    expect(upTo(book)).toBe(TEST_TIME + 60)
    expect(view(book).logsOf(alice.id, TEST_IMAGE)).toMatchObject({
      newestHead: TEST_TIME + 60,
      completeUpTo: TEST_TIME + 60,
      missingStatements: 0,
    })
  })

  it('whatever larger head is claimed, up to the one whose leaves are here', () => {
    const { book, log } = complete()
    log.add('more')
    book.offerHead(log.head(TEST_TIME + 60), NOW)
    expect(upTo(book)).toBe(TEST_TIME)
    show(book, log, TEST_TIME + 60)
    expect(upTo(book)).toBeUndefined()
    expect(missing(book)).toEqual(['statements'])
  })

  it('not while a statement of the project is missing, or is gone again', () => {
    const { book, log } = complete()
    show(book, log.add(other), TEST_TIME + 1)
    expect(missing(book)).toEqual(['statements'])
    expect(view(book).logsOf(alice.id, TEST_IMAGE).missingStatements).toBe(1)
    // Another project does not wait for it.
    expect(upTo(book, {}, ELSEWHERE)).toBe(TEST_TIME + 1)
    arrive(book, other)
    expect(upTo(book)).toBe(TEST_TIME + 1)
    book.bodyLost(other.statement.sid)
    expect(upTo(book)).toBeUndefined()
  })

  it('not without a card of it, or the very card that its head names', () => {
    const { book, log } = complete()
    expect(missing(book, { own: [bob.card] })).toEqual(['no-card'])
    const named = { version: 2, sid: hexOf('a newer card') }
    const head = log.head(TEST_TIME + 5, 2, { card: named })
    expect(book.offerHead(head, NOW).kind).toBe('newer-time')
    expect(missing(book)).toEqual(['card'])
    const misnamed = { version: 2, sid: alice.card.statement.sid }
    book.offerHead(log.head(TEST_TIME + 6, 2, { card: misnamed }), NOW)
    expect(missing(book)).toEqual(['card'])
    book.offerHead(log.head(TEST_TIME + 7, 2, { card: { ...misnamed, version: 1 } }), NOW)
    expect(missing(book)).toEqual([])
  })

  it('not while a statement without a project is missing: it may be a card', () => {
    const book = makeBook()
    show(book, new TestLog(alice).add(alice.card, rebuilt))
    arrive(book, rebuilt)
    expect(missing(book)).toEqual(['statements'])
  })

  it('only with the log of each key of its newest card, up to the oldest of their heads', () => {
    const { book } = complete()
    const node: TestOperator = { ...alice, key: makeKey('second key of alice') }
    const own = [alice.card, next(alice, { keys: [alice.key, node.key] })]
    expect(missing(book, { own })).toEqual(['log'])
    const rebuiltThere = makeRebuild({ operator: node, platform: 'linux/amd64' })
    show(book, new TestLog(node, 0, alice.id).add(rebuiltThere), TEST_TIME - 50)
    expect(missing(book, { own })).toEqual(['statements'])
    arrive(book, rebuiltThere)
    expect(upTo(book, { own })).toBe(TEST_TIME - 50)
    expect(view(book, { own }).logsOf(alice.id, TEST_IMAGE).newestHead).toBe(TEST_TIME)
  })
})

describe('a closed log', () => {
  it('must be here up to its seal, and needs no fresh head', () => {
    const { book, log } = complete()
    const next = log.next(alice)
    show(book, next, TEST_TIME + 500)
    expect(upTo(book)).toBe(TEST_TIME + 500)
    const sealedLater = new TestLog(alice).add(alice.card, rebuilt, 'hidden')
    const { book: other } = complete()
    show(other, sealedLater.next(alice), TEST_TIME + 500)
    expect(missing(other)).toEqual(['seal'])
    show(other, sealedLater, TEST_TIME + 499)
    expect(missing(other)).toEqual(['statements'])
  })

  it('of which nothing is here keeps its operator from being complete', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(alice.card)
    show(book, log.next(alice))
    expect(missing(book)).toEqual(['log'])
    show(book, log.next(alice).next(alice), TEST_TIME + 1)
    expect(missing(book)).toEqual(['log'])
  })

  it('may be found to go on beyond its seal, if nothing of that is missing', () => {
    const { book, log } = complete()
    show(book, log.next(alice), TEST_TIME + 500)
    const longer = new TestLog(alice).add(alice.card, rebuilt, other)
    book.offerHead(longer.head(TEST_TIME + 9), NOW)
    expect(missing(book)).toEqual(['seal'])
    show(book, longer, TEST_TIME + 9)
    expect(missing(book)).toEqual(['statements'])
    arrive(book, other)
    expect(missing(book)).toEqual([])
    expect(counts(book, other)).toBe(true)
    expect(view(book).isEquivocator(alice.id)).toBe(false)
  })
})

describe('a revocation', () => {
  const replacement = makeKey('new key of alice')
  const renewed: TestOperator = { ...alice, key: replacement }
  const log = new TestLog(alice).add(alice.card, rebuilt, other)
  const { text } = log.origin
  const ends = (size: number, root = log.tree.root(size)) => {
    const revocations = [{ origin: text, size, root }]
    return next(alice, { keys: [replacement], revocations })
  }

  it('ends a log where it says: what lies beyond does not count', () => {
    const book = makeBook()
    show(book, log)
    const own = [alice.card, ends(2)]
    expect(counts(book, rebuilt, { own })).toBe(true)
    expect(counts(book, other, { own })).toBe(false)
    expect(counts(book, other)).toBe(true)
  })

  it('ends the whole of a log that has another beginning, and all logs behind', () => {
    const book = makeBook()
    show(book, log)
    expect(counts(book, rebuilt, { own: [alice.card, ends(2, hexOf('x'))] })).toBe(false)
    const later = makeRebuild({ digest: 'later' })
    show(book, log.next(alice).add(later), TEST_TIME + 1)
    expect(counts(book, later)).toBe(true)
    expect(counts(book, later, { own: [alice.card, ends(2)] })).toBe(false)
  })

  it('leaves what came before to be complete', () => {
    const book = makeBook()
    const card = ends(2)
    const own = [alice.card, card]
    show(book, new TestLog(renewed, 0, alice.id).add(card))
    arrive(book, card)
    expect(missing(book, { own })).toEqual(['log'])
    show(book, log, TEST_TIME, 2)
    expect(missing(book, { own })).toEqual(['statements'])
    arrive(book, rebuilt)
    expect(upTo(book, { own })).toBe(TEST_TIME)
    // A thief may go on, and nobody waits for what it says.
    show(book, log, TEST_TIME + 1)
    expect(upTo(book, { own })).toBe(TEST_TIME)
  })

  it('of everything that a key ever said leaves nothing to wait for', () => {
    const book = makeBook()
    const card = ends(0)
    const own = [alice.card, card]
    show(book, new TestLog(renewed, 0, alice.id).add(card))
    arrive(book, card)
    expect(upTo(book, { own })).toBe(TEST_TIME)
    show(book, log, TEST_TIME)
    expect(counts(book, rebuilt, { own })).toBe(false)
    expect(upTo(book, { own })).toBe(TEST_TIME)
  })
})

describe('two histories', () => {
  const forked = (by: TestOperator, id = by.id): LogBook => {
    const book = makeBook()
    show(book, new TestLog(by, 0, id).grow(3))
    book.offerHead(new TestLog(by, 0, id).grow(3, 'other').head(), NOW)
    expect(book.proofs()).toHaveLength(1)
    return book
  }

  it('make an equivocator of the operator whose card lists the key', () => {
    const book = forked(alice)
    expect(view(book).isEquivocator(alice.id)).toBe(true)
    expect(view(book).isEquivocator(bob.id)).toBe(false)
    expect(view(book).logsOf(alice.id, TEST_IMAGE).proof?.kind).toBe('fork')
    // Without the card nobody knows whose key it is.
    expect(view(book, { own: [bob.card] }).isEquivocator(alice.id)).toBe(false)
  })

  it('written by a stranger in the name of an operator say nothing of it', () => {
    const book = forked(makeOperator('mallory'), alice.id)
    expect(view(book).isEquivocator(alice.id)).toBe(false)
  })

  it('under a key that a later card dropped are still of its operator', () => {
    const dropped = next(alice, { keys: [makeKey('new key of alice')] })
    expect(view(forked(alice), { own: [alice.card, dropped] }).isEquivocator(alice.id)).toBe(true)
  })
})

describe('the clock', () => {
  const ahead = (...operators: readonly TestOperator[]): LogBook => {
    const book = makeBook()
    for (const by of operators) book.offerHead(new TestLog(by).grow(1).head(NOW + 601), NOW)
    return book
  }

  it('is suspect when heads of two operators of the policy are far ahead', () => {
    expect(view(ahead(alice, bob)).clockSuspect).toBe(true)
    expect(view(ahead(alice, bob), { now: NOW + 1 }).clockSuspect).toBe(false)
  })

  it('is not suspect for one operator, or for those whom the policy does not name', () => {
    expect(view(ahead(alice)).clockSuspect).toBe(false)
    expect(view(ahead(alice, makeOperator('carol'))).clockSuspect).toBe(false)
    expect(view(ahead(alice, bob), { operators: [{ id: alice.id }] }).clockSuspect).toBe(false)
    const book = ahead(alice)
    const mallory = makeOperator('mallory')
    book.offerHead(new TestLog(mallory, 0, bob.id).grow(1).head(NOW + 601), NOW)
    expect(view(book).clockSuspect).toBe(false)
  })
})

it('a release of an announcer counts by the same rule', () => {
  const announcer = makeOperator('announcer')
  const release = makeRelease()
  const book = makeBook()
  show(book, new TestLog(announcer).add(announcer.card, release))
  const { sid, key } = release.statement
  const own = [announcer.card]
  expect(view(book, { own }).isCounted(sid, key, announcer.id)).toBe(true)
})

/** The card behind an operator's first one. */
function next(
  operator: TestOperator,
  spec: Omit<Parameters<typeof makeCardStatement>[0], 'root' | 'follows'>,
): Card {
  const keys = [...spec.keys].sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1))
  const follows = operator.card.statement.body
  const signed = makeCardStatement({ ...spec, keys, root: rawRoot(operator.root), follows })
  expect(signed.statement.body.version).toBe(2)
  return signed
}
