/** The book of followed logs: claims, leaves, bodies, and whatever two heads say against each other. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { concat } from '../../../../protocol/bytes.ts'
import { openProof, proveFork } from '../../../../protocol/log/equivocation.ts'
import type { Head } from '../../../../protocol/log/head.ts'
import { CARD_TAG, packLeaf } from '../../../../protocol/log/leaf.ts'
import type { HeadAnswer, LeavesAnswer, LogBook } from '../../../../protocol/log/log-book.ts'
import { MAX_LOGS_PER_KEY } from '../../../../protocol/log/log-book.ts'
import { makeOrigin } from '../../../../protocol/log/origin.ts'
import { leafNamed, makeBook, show, TEST_TAG, TestLog } from '../../../support/logs.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_TIME,
} from '../../../support/statements.ts'

const NOW = TEST_TIME
const alice = makeOperator('alice')
const bob = makeOperator('bob')

function proven(answer: HeadAnswer | LeavesAnswer, book: LogBook): string {
  if (answer.kind !== 'equivocation') throw new Error(`no equivocation but ${answer.kind}`)
  // It convinces whoever has nothing else.
  const { kind, operator, key } = openProof(answer.proof.bytes, nodeCrypto)
  expect({ operator, key }).toEqual({ operator: alice.id, key: alice.key.publicKey })
  expect(book.proofs()).toEqual([answer.proof])
  expect(book.proofAbout(operator, key)?.id).toBe(answer.proof.id)
  return kind
}

describe('a head', () => {
  it('is a claim until its leaves are here and give its root', () => {
    const book = makeBook()
    const log = new TestLog(alice).grow(5)
    const head = log.head()
    expect(book.offerHead(head, NOW)).toEqual({ kind: 'needs-leaves', from: 0, to: 5 })
    expect(book.heads()).toEqual([])
    expect(book.gaps()).toEqual([{ head, from: 0, to: 5 }])
    expect(book.addLeaves(0, log.slots(), head)).toEqual({ kind: 'extended', from: 0, to: 5 })
    expect(book.heads()).toEqual([head])
    expect(book.gaps()).toEqual([])
    expect(book.offerHead(head, NOW)).toEqual({ kind: 'known' })
    expect(book.addLeaves(0, log.slots(), head)).toEqual({ kind: 'known' })
  })

  it('of an empty log needs no leaves', () => {
    const book = makeBook()
    const head = new TestLog(alice).head()
    expect(book.offerHead(head, NOW)).toEqual({ kind: 'newer-time' })
    expect(book.heads()).toEqual([head])
  })

  it('that is later and no larger takes the place of the one before; an older one does not', () => {
    const book = makeBook()
    const log = new TestLog(alice).grow(5)
    show(book, log)
    const later = log.head(NOW + 60)
    expect(book.offerHead(later, NOW + 60)).toEqual({ kind: 'newer-time' })
    expect(book.offerHead(log.head(), NOW + 60)).toEqual({ kind: 'older' })
    expect(book.offerHead(log.head(NOW, 3), NOW + 60)).toEqual({ kind: 'older' })
    expect(book.heads()).toEqual([later])
  })

  it('of a log that nobody follows is not looked at', () => {
    const book = makeBook(({ key }) => key === bob.key.publicKey)
    const log = new TestLog(alice).grow(2)
    expect(book.offerHead(log.head(), NOW)).toEqual({ kind: 'unwanted' })
    expect(book.addLeaves(0, log.slots(), log.head())).toMatchObject({ kind: 'refused' })
    expect(book.addProof(forkOf(log))).toBe(false)
    expect(book.proofs()).toEqual([])
  })

  it('that is dated more than ten minutes ahead is held until its time', () => {
    const book = makeBook()
    const log = new TestLog(alice).grow(2)
    expect(book.offerHead(log.head(NOW + 600), NOW)).toMatchObject({ kind: 'needs-leaves' })
    const head = log.head(NOW + 601)
    expect(book.offerHead(head, NOW)).toEqual({ kind: 'held', until: NOW + 1 })
    expect(book.offerHead(log.head(NOW + 900), NOW)).toMatchObject({ kind: 'held' })
    expect(book.held()).toEqual([head])
    expect(book.releaseHeld(NOW)).toEqual([])
    expect(book.releaseHeld(NOW + 1)).toEqual([head])
    expect(book.held()).toEqual([])
    expect(book.offerHead(head, NOW + 1)).toMatchObject({ kind: 'needs-leaves' })
  })

  it('of one log too many of a key is refused', () => {
    const book = makeBook()
    for (let n = 0; n < MAX_LOGS_PER_KEY; n++) {
      const answer = book.offerHead(new TestLog(alice, n).grow(1).head(), NOW)
      expect(answer.kind).toBe('needs-leaves')
    }
    const more = new TestLog(alice, MAX_LOGS_PER_KEY).grow(1)
    expect(book.offerHead(more.head(), NOW)).toMatchObject({ kind: 'refused' })
    expect(book.offerHead(new TestLog(bob).grow(1).head(), NOW).kind).toBe('needs-leaves')
  })
})

describe('leaves', () => {
  const log = new TestLog(alice).grow(300)

  it('come in pieces, each with a head', () => {
    const book = makeBook()
    for (const size of [1, 7, 64, 65, 300]) show(book, log, NOW, size)
    expect(book.head(log.origin.text)?.size).toBe(300)
    expect(book.entries(log.origin.text, 0, 300)).toEqual(log.slots())
    expect(book.entries(log.origin.text, 290, 999)).toEqual(log.slots(290))
    expect(book.entries(log.origin.text, 300, 301)).toEqual(new Uint8Array(0))
    expect(book.entries('elsewhere', 0, 1)).toEqual(new Uint8Array(0))
  })

  it('that do not give the root are of a sender who is wrong, and change nothing', () => {
    const book = makeBook()
    const head = log.head()
    book.offerHead(head, NOW)
    const others = new TestLog(alice).grow(300, 'other')
    expect(book.addLeaves(0, others.slots(), head)).toEqual({ kind: 'wrong-leaves' })
    expect(book.addLeaves(0, log.slots(0, 299), head)).toEqual({ kind: 'wrong-leaves' })
    expect(book.addLeaves(0, log.slots().subarray(1), head)).toEqual({ kind: 'wrong-leaves' })
    expect(book.heads()).toEqual([])
    expect(book.addLeaves(0, log.slots(), head).kind).toBe('extended')
  })

  it('that do not follow those that are here are asked for from the beginning', () => {
    const book = makeBook()
    show(book, log, NOW, 100)
    const others = new TestLog(alice).grow(300, 'other')
    expect(book.addLeaves(100, others.slots(100), log.head())).toEqual({ kind: 'restart' })
    expect(book.addLeaves(50, others.slots(50), log.head())).toEqual({ kind: 'restart' })
    expect(book.addLeaves(101, log.slots(101), log.head())).toMatchObject({ kind: 'refused' })
    expect(book.addLeaves(0, others.slots(), log.head())).toEqual({ kind: 'wrong-leaves' })
    expect(book.head(log.origin.text)?.size).toBe(100)
    expect(book.addLeaves(50, log.slots(50), log.head()).kind).toBe('extended')
    expect(book.entries(log.origin.text, 0, 300)).toEqual(log.slots())
  })

  it('that this rebuildnet cannot read end what it follows of the log', () => {
    const book = makeBook()
    const strange = new TestLog(alice).grow(3)
    strange.tree.append(
      Uint8Array.from(packLeaf(leafNamed('x')), (byte, i) => (i === 0 ? 3 : byte)),
    )
    expect(show(book, strange, NOW, 3).size).toBe(3)
    const head = strange.head(NOW + 1)
    expect(book.offerHead(head, NOW + 1).kind).toBe('needs-leaves')
    expect(book.addLeaves(3, strange.slots(3), head)).toMatchObject({ kind: 'refused' })
    expect(book.offerHead(strange.grow(5).head(NOW + 2), NOW + 2)).toMatchObject({
      kind: 'refused',
    })
    expect(book.gaps()).toEqual([])
    expect(book.head(strange.origin.text)?.size).toBe(3)
    expect(book.entries(strange.origin.text, 0, 9)).toEqual(strange.slots(0, 3))
    expect(book.offerHead(strange.head(NOW + 3, 3), NOW + 3).kind).toBe('equivocation')
  })

  it('begin with a seal in every log but the first, and nowhere else', () => {
    const book = makeBook()
    const bare = new TestLog(alice, 1).grow(2)
    show(book, bare)
    expect(book.heads()).toEqual([])
    const sealed = new TestLog(bob).grow(1).next(bob).grow(3)
    show(book, sealed)
    expect(book.heads()).toHaveLength(1)
    const twice = new TestLog(bob).grow(1).add({ kind: 'seal', size: 0, root: hexOf('x') })
    show(book, twice)
    expect(book.head(twice.origin.text)).toBeUndefined()
  })
})

describe('two histories of one log are proven', () => {
  const log = new TestLog(alice).grow(40)
  const fork = new TestLog(alice).grow(30).grow(60, 'other')

  it('by two roots for one size, even of claims', () => {
    const book = makeBook()
    book.offerHead(log.head(), NOW)
    expect(proven(book.offerHead(fork.head(NOW, 40), NOW), book)).toBe('fork')
    expect(book.heads()).toEqual([])
  })

  it('by what contradicts the newest claim alone', () => {
    const offered = [log.head(NOW, 5), log.head(NOW + 1)]
    for (const [kind, head] of [
      ['fork', fork.head(NOW + 1, 40)],
      ['shrink', log.head(NOW + 2, 39)],
    ] as const) {
      const book = makeBook()
      for (const each of offered) expect(book.offerHead(each, NOW).kind).toBe('needs-leaves')
      expect(proven(book.offerHead(head, NOW), book)).toBe(kind)
    }
  })

  it('by a later head that is smaller, even of claims', () => {
    const book = makeBook()
    book.offerHead(log.head(), NOW)
    expect(proven(book.offerHead(log.head(NOW + 1, 39), NOW), book)).toBe('shrink')
  })

  it('by an earlier head that is larger', () => {
    const book = makeBook()
    show(book, log)
    expect(proven(book.offerHead(fork.head(NOW - 1, 60), NOW), book)).toBe('shrink')
  })

  it('by a smaller head that the leaves here do not begin with', () => {
    const book = makeBook()
    show(book, log, NOW + 9)
    expect(book.offerHead(fork.head(NOW, 30), NOW + 9)).toEqual({ kind: 'older' })
    expect(proven(book.offerHead(fork.head(NOW, 31), NOW + 9), book)).toBe('rewrite')
  })

  it('by a larger head, once all its leaves are here', () => {
    const book = makeBook()
    const kept = show(book, log)
    const head = fork.head(NOW + 9)
    expect(book.offerHead(head, NOW + 9)).toEqual({ kind: 'needs-leaves', from: 40, to: 60 })
    expect(book.addLeaves(40, fork.slots(40), head)).toEqual({ kind: 'restart' })
    expect(proven(book.addLeaves(0, fork.slots(), head), book)).toBe('rewrite')
    // What was once shown stays.
    expect(book.heads()).toEqual([kept])
    expect(book.entries(log.origin.text, 0, 40)).toEqual(log.slots())
  })

  it('by a claim, once the leaves of a larger head are here', () => {
    const book = makeBook()
    book.offerHead(fork.head(NOW, 35), NOW)
    book.offerHead(log.head(NOW + 1), NOW)
    // The larger claim has replaced the smaller one; the first head is still known.
    expect(proven(book.addLeaves(0, log.slots(), log.head(NOW + 1)), book)).toBe('rewrite')
  })

  it('by a head of a closed log that is later than one of the next', () => {
    const book = makeBook()
    const next = log.next(alice)
    show(book, log, NOW)
    show(book, next, NOW + 5)
    expect(book.offerHead(log.head(NOW + 5), NOW).kind).toBe('newer-time')
    expect(proven(book.offerHead(log.head(NOW + 6), NOW), book)).toBe('after-seal')
  })

  it('by a first head of the next log that is earlier than one of the closed log', () => {
    const book = makeBook()
    show(book, log, NOW + 6)
    expect(proven(book.offerHead(log.next(alice).head(NOW + 5), NOW), book)).toBe('after-seal')
  })

  it('but not by logs of another key, or in the name of another operator', () => {
    const book = makeBook()
    show(book, log, NOW + 6)
    expect(book.offerHead(new TestLog(bob, 1).grow(1).head(), NOW).kind).toBe('needs-leaves')
    const elsewhere = new TestLog(alice, 0, bob.id).grow(40, 'other')
    expect(book.offerHead(elsewhere.head(NOW), NOW).kind).toBe('needs-leaves')
    expect(book.proofs()).toEqual([])
  })

  it('and the first proof about a key is kept', () => {
    const book = makeBook()
    const first = forkOf(log)
    expect(book.addProof(first)).toBe(true)
    expect(book.addProof(forkOf(fork))).toBe(false)
    book.offerHead(log.head(), NOW)
    book.offerHead(fork.head(NOW, 40), NOW)
    expect(book.proofs()).toEqual([first])
  })
})

describe('a statement', () => {
  const rebuilt = makeRebuild()
  const release = makeRelease({ operator: alice })
  const foreign = makeRebuild({ operator: bob })

  it('is found in the log of its key, whoever else lists it', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(alice.card, rebuilt)
    show(book, new TestLog(bob).add(rebuilt))
    expect(book.leafOf(rebuilt.statement.sid, alice.key.publicKey, alice.id)).toBeUndefined()
    show(book, log)
    expect(book.leafOf(rebuilt.statement.sid, alice.key.publicKey, alice.id)).toEqual({
      origin: makeOrigin(alice.id, alice.key.publicKey, 0),
      index: 1,
    })
    expect(book.leafOf(rebuilt.statement.sid, alice.key.publicKey, bob.id)).toBeUndefined()
    expect(book.isListed(rebuilt.statement.sid)).toBe(true)
    expect(book.isListed(foreign.statement.sid)).toBe(false)
    expect(book.isListed('not a sid')).toBe(false)
  })

  it('is missing until it arrives, by project', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(alice.card, rebuilt, release, 'gone')
    show(book, log)
    const { text } = log.origin
    const missing = (...tags: string[]) => [
      ...book.missingBodies(text, tags.length === 0 ? undefined : new Set(tags)),
    ]
    const [card, a, b] = [alice.card, rebuilt, release].map(({ statement }) => statement.sid)
    expect(missing()).toEqual([card, a, b, hexOf('gone')])
    expect(missing(CARD_TAG)).toEqual([card])
    for (const { statement, bytes } of [rebuilt, alice.card]) book.bodyArrived(statement, bytes)
    book.bodyArrived({ sid: hexOf('gone'), key: bob.key.publicKey }, new Uint8Array(1))
    expect(missing()).toEqual([b, hexOf('gone')])
    expect(missing(CARD_TAG)).toEqual([])
    book.bodyLost(rebuilt.statement.sid)
    expect(missing(TEST_TAG)).toEqual([a, b, hexOf('gone')])
    // Of a kind that is not read here: there, and of no known project.
    book.bodyArrived({ sid: hexOf('gone'), key: alice.key.publicKey }, new Uint8Array(1))
    expect(missing()).toEqual([a, b])
  })

  it('that is listed twice is waited for once', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(rebuilt, 'x', rebuilt)
    show(book, log)
    expect([...book.missingBodies(log.origin.text)]).toHaveLength(2)
    book.bodyArrived(rebuilt.statement, rebuilt.bytes)
    expect([...book.missingBodies(log.origin.text)]).toEqual([hexOf('x')])
    expect(book.leafOf(rebuilt.statement.sid, alice.key.publicKey, alice.id)?.index).toBe(0)
  })

  it('by another key in a log is proven to be misfiled, and stays missing', () => {
    const book = makeBook()
    const log = new TestLog(alice).add(alice.card, foreign)
    show(book, log)
    const proof = book.bodyArrived(foreign.statement, foreign.bytes)
    expect(proof).toMatchObject({ kind: 'misfiled', operator: alice.id })
    expect([...book.missingBodies(log.origin.text)]).toContain(foreign.statement.sid)
    // It came, so nobody need be asked for it.
    const wanted = [...(book.log(log.origin.text)?.wantedSids() ?? [])]
    expect(wanted).toEqual([alice.card.statement.sid])
  })

  it('that was not taken is not asked for until that is forgotten, and shows who misfiled it', () => {
    const book = makeBook()
    const [log, forged] = [new TestLog(alice).add(rebuilt), new TestLog(bob).add(rebuilt)]
    show(book, log)
    show(book, forged)
    const wanted = (): string[] =>
      [log, forged].flatMap(({ origin }) => [...(book.log(origin.text)?.wantedSids() ?? [])])
    const { sid } = rebuilt.statement
    expect(wanted()).toEqual([sid, sid])
    const proof = book.bodyArrived(rebuilt.statement, rebuilt.bytes, false)
    expect(proof).toMatchObject({ kind: 'misfiled', operator: bob.id })
    expect(wanted()).toEqual([])
    expect([...book.missingBodies(log.origin.text)]).toEqual([sid])
    book.forgetDeclined()
    expect(wanted()).toEqual([sid])
    book.bodyArrived(rebuilt.statement, rebuilt.bytes)
    expect([...book.missingBodies(log.origin.text)]).toEqual([])
  })

  it('under the tag of another project is proven to be misfiled', () => {
    const book = makeBook()
    const { sid } = rebuilt.statement
    show(book, new TestLog(alice).grow(70).add({ kind: 'statement', sid, tag: CARD_TAG }).grow(90))
    expect(book.bodyArrived(rebuilt.statement, rebuilt.bytes)?.kind).toBe('misfiled')
    expect(book.proofs()).toHaveLength(1)
  })
})

it('finds any of many leaves, whatever their sids look like', () => {
  const book = makeBook()
  // All begin alike, as their owner pleases.
  const leaves = Array.from({ length: 3000 }, (_, i) => ({
    kind: 'statement' as const,
    sid: i.toString(16).padStart(64, '0'),
    tag: TEST_TAG,
  }))
  const log = new TestLog(alice)
  log.tree.append(concat(...leaves.map(packLeaf)))
  // In pieces, so that the index grows more than once.
  for (const size of [40, 300, 301, 3000]) show(book, log, NOW, size)
  leaves.forEach(({ sid }, index) => {
    expect(book.leafOf(sid, alice.key.publicKey, alice.id)?.index).toBe(index)
  })
  expect(book.leafOf('f'.repeat(64), alice.key.publicKey, alice.id)).toBeUndefined()
})

/** A proof about the key of a log: that it also signed something else. */
function forkOf(log: TestLog) {
  const size = log.tree.size
  const operator = log.origin.key === alice.key.publicKey ? alice : bob
  const other: Head = new TestLog(operator).grow(size, 'forked').head()
  return proveFork(log.head(), other, nodeCrypto)
}
