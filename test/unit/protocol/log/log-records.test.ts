/** A log book on a disk: what is handed out to be written, and what comes back of it. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { proveFork } from '../../../../protocol/log/equivocation.ts'
import { makeBook, show, TestLog } from '../../../support/logs.ts'
import { hexOf, makeOperator, makeRebuild, TEST_TIME } from '../../../support/statements.ts'

const NOW = TEST_TIME
const alice = makeOperator('alice')
const bob = makeOperator('bob')
const forked = proveFork(
  new TestLog(bob).grow(2).head(),
  new TestLog(bob).grow(2, 'forked').head(),
  nodeCrypto,
)

describe('what is written down', () => {
  const rebuilt = makeRebuild()
  const log = new TestLog(alice).add(alice.card, rebuilt).grow(200)
  const next = log.next(alice).grow(3)

  /** The records of a book to which all of this happened, as a store keeps them. */
  function written(): Map<string, Uint8Array> {
    const book = makeBook()
    const stored = new Map<string, Uint8Array>()
    const write = (): void => {
      for (const { name, value } of book.takeRecords())
        stored.set(Buffer.from(name).toString(), value)
    }
    show(book, log, NOW, 100)
    write()
    show(book, log, NOW + 1, 130)
    book.bodyArrived(rebuilt.statement, rebuilt.bytes)
    write()
    show(book, log, NOW + 2)
    show(book, next, NOW + 3)
    book.bodyArrived(alice.card.statement, alice.card.bytes)
    book.offerHead(new TestLog(bob).grow(2).head(), NOW)
    book.addProof(forked)
    write()
    return stored
  }
  const recordsOf = (stored: Map<string, Uint8Array>) =>
    [...stored].map(([name, value]) => ({ name: Buffer.from(name), value }))

  it('gives the same book again, in any order', () => {
    for (const records of [recordsOf(written()), recordsOf(written()).reverse()]) {
      const book = makeBook()
      expect(book.restore(records)).toEqual([])
      expect(
        book
          .heads()
          .map(({ size, time }) => [size, time - NOW])
          .sort(),
      ).toEqual([
        [200, 2],
        [3, 3],
      ])
      expect(book.entries(log.origin.text, 0, 200)).toEqual(log.slots())
      expect([...book.missingBodies(log.origin.text)]).toHaveLength(198)
      expect(book.leafOf(hexOf('leaf 150'), alice.key.publicKey, alice.id)?.index).toBe(150)
      expect(book.proofs().map(({ operator }) => operator)).toEqual([bob.id])
      expect(book.takeRecords()).toEqual([])
      // The head that was dated first still speaks against others.
      expect(book.offerHead(log.head(NOW + 4), NOW).kind).toBe('equivocation')
    }
  })

  it('is handed out once, and again if it could not be written, but not over what is newer', () => {
    const book = makeBook()
    show(book, log, NOW, 100)
    const records = book.takeRecords()
    expect(records.length).toBeGreaterThan(3)
    expect(book.takeRecords()).toEqual([])
    show(book, log, NOW + 2)
    book.giveBack(records)
    const again = makeBook()
    expect(again.restore(book.takeRecords())).toEqual([])
    expect(again.heads()).toEqual([log.head(NOW + 2)])
  })

  it('and was damaged is named, and comes again from peers', () => {
    const stored = written()
    const name = [...stored.keys()].find((each) =>
      each.startsWith(`leaves ${log.origin.text} 0001`),
    )
    const leaves = stored.get(name ?? '') ?? new Uint8Array(0)
    stored.set(
      name ?? '',
      leaves.map((byte, i) => (i === 777 ? byte ^ 1 : byte)),
    )
    const book = makeBook()
    expect(book.restore(recordsOf(stored))).toMatchObject([{ of: log.origin.text }])
    expect(book.heads().map(({ origin }) => origin.n)).toEqual([1])
    expect(book.gaps()[0]).toEqual({ head: log.head(NOW + 2), from: 0, to: 200 })
    expect(book.addLeaves(0, log.slots(), log.head(NOW + 2)).kind).toBe('extended')
    // Which statements are here must be said again.
    expect([...book.missingBodies(log.origin.text)]).toHaveLength(200)
  })

  it('shows each flipped bit of heads, leaves and proofs', () => {
    const stored = written()
    for (const [name, value] of stored) {
      if (name.startsWith('bodies')) continue
      for (let at = 0; at < value.length; at += Math.ceil(value.length / 12)) {
        const flipped = new Map(stored)
        flipped.set(
          name,
          value.map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
        )
        expect(makeBook().restore(recordsOf(flipped)), `${name} at ${at}`).not.toEqual([])
      }
    }
  })

  it('under the name of another log is not taken for that log', () => {
    const elsewhere = new TestLog(bob).origin.text
    const stored = [...written()].filter(([name]) => name.includes(log.origin.text))
    const renamed = new Map(
      stored.map(([name, value]) => [name.replace(log.origin.text, elsewhere), value]),
    )
    const book = makeBook()
    expect(book.restore(recordsOf(renamed))).toMatchObject([{ of: elsewhere }])
    expect(book.heads()).toEqual([])
    expect(book.gaps()).toEqual([])
  })

  it('under a name that is not known is named', () => {
    const record = { name: Buffer.from('future x'), value: new Uint8Array(1) }
    expect(makeBook().restore([record])).toMatchObject([{ of: 'future x' }])
    const misplaced = recordsOf(written()).find(({ name }) => name.toString().startsWith('head'))
    const elsewhere = {
      name: Buffer.from('head elsewhere'),
      value: misplaced?.value ?? Buffer.of(),
    }
    expect(makeBook().restore([elsewhere])).toMatchObject([{ of: 'head elsewhere'.slice(5) }])
  })
})
