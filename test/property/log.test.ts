/**
 * Logs under everything that peers may send, in any order.
 *
 * An honest log is never called otherwise and is always caught up with; a forked one never takes the
 * place of what was shown first, and where both branches come to be known it is proven.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { toHex } from '../../protocol/bytes.ts'
import { openProof } from '../../protocol/log/equivocation.ts'
import { openHead, type Head } from '../../protocol/log/head.ts'
import { leafBytes } from '../../protocol/log/leaf.ts'
import type { LogBook } from '../../protocol/log/log-book.ts'
import { LogError } from '../../protocol/log/log-error.ts'
import { coverOf, hashLeaf, hashNode, rootOfCover } from '../../protocol/log/merkle.ts'
import { makeBook, TestLog } from '../support/logs.ts'
import { makeOperator, TEST_TIME } from '../support/statements.ts'
import { headVectors, proofVectors } from '../support/vectors/logs.ts'

/** The same cases on each run, and other and more ones in a deeper run. */
const DEEP = (process.env.REBUILDNET_TEST_DEPTH ?? 'default') !== 'default'
const RUNS = DEEP ? 3000 : 300
const SEED = DEEP ? {} : { seed: 20_260_101 }
const NOW = TEST_TIME + 1000
const alice = makeOperator('alice')

/** RFC 6962, section 2.1, word for word. */
function merkleTreeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves
  if (first === undefined) return nodeCrypto.sha256(new Uint8Array(0))
  if (leaves.length === 1) return hashLeaf(first, nodeCrypto)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return hashNode(merkleTreeHash(leaves.slice(0, k)), merkleTreeHash(leaves.slice(k)), nodeCrypto)
}

const long = new TestLog(alice).grow(1100)
const leaves = Array.from({ length: 1100 }, (_, i) => Uint8Array.from(leafBytes(long.tree.slot(i))))

describe('a tree', () => {
  it('has the root of RFC 6962 at every size, however it grew and shrank', () => {
    const size = fc.integer({ min: 0, max: 1100 })
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 6 }), size, (sizes, prefix) => {
        const { tree } = new TestLog(alice)
        for (const next of sizes) {
          if (next < tree.size) tree.truncate(next)
          else tree.append(long.slots(tree.size, next))
          const at = Math.min(prefix, tree.size)
          expect(tree.root(at)).toBe(toHex(merkleTreeHash(leaves.slice(0, at))))
        }
        expect(tree.root()).toBe(toHex(merkleTreeHash(leaves.slice(0, tree.size))))
      }),
      { numRuns: RUNS / 5, ...SEED },
    )
  })

  it('is given by the hashes of any two covers that meet', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const cover = [...coverOf(0, from), ...coverOf(from, to)]
        const hashes = [...long.tree.hashes(0, from), ...long.tree.hashes(from, to)]
        expect(rootOfCover(cover, hashes, nodeCrypto)).toBe(long.tree.root(to))
        // And by no others: each one matters.
        const at = a % Math.max(1, hashes.length)
        const other = hashes.toSpliced(at, 1, new Uint8Array(32))
        if (hashes.length > 0) {
          expect(rootOfCover(cover, other, nodeCrypto)).not.toBe(long.tree.root(to))
        }
      }),
      { numRuns: RUNS, ...SEED },
    )
  })
})

/** Offers a head the way a node does: leaves behind what is here, or all of them where that fails. */
function sync(book: LogBook, log: TestLog, head: Head): string {
  const answer = book.offerHead(head, NOW)
  if (answer.kind !== 'needs-leaves') return answer.kind
  const { from, to } = answer
  const more = book.addLeaves(from, log.slots(from, to), head)
  return more.kind === 'restart' ? book.addLeaves(0, log.slots(0, to), head).kind : more.kind
}

/** Sizes of a log at ascending times. */
const history = fc
  .array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 })
  .map((sizes) => sizes.sort((a, b) => a - b))

describe('an honest log', () => {
  it('is never called otherwise, and its largest head wins, in whatever order heads come', () => {
    const orders = history.chain((sizes) =>
      fc.tuple(
        fc.constant(sizes),
        fc.array(fc.nat(sizes.length - 1), { maxLength: 20 }),
        fc.boolean(),
      ),
    )
    fc.assert(
      fc.property(orders, ([sizes, order, seals]) => {
        const book = makeBook()
        const heads = sizes.map((size, i) => long.head(TEST_TIME + i, size))
        const last = sizes.at(-1) ?? 0
        const next = long.next(alice, last, long.tree.root(last)).grow(9)
        if (seals) expect(sync(book, next, next.head(NOW - 1))).toBe('extended')
        for (const at of [...order, ...heads.keys()]) {
          const head = heads[at]
          if (head === undefined) throw new Error('an index beyond the history')
          expect(['known', 'older', 'newer-time', 'extended']).toContain(sync(book, long, head))
          expect(book.offerHead(head, NOW).kind).toMatch(/^(known|older)$/)
        }
        expect(book.head(long.origin.text)).toEqual(heads.at(-1))
        expect(book.proofs()).toEqual([])
        const again = makeBook()
        expect(again.restore(book.takeRecords())).toEqual([])
        expect(
          again
            .heads()
            .map(({ bytes }) => toHex(bytes))
            .sort(),
        ).toEqual(
          book
            .heads()
            .map(({ bytes }) => toHex(bytes))
            .sort(),
        )
        expect(again.entries(long.origin.text, 0, last)).toEqual(long.slots(0, last))
      }),
      { numRuns: RUNS / 3, ...SEED },
    )
  })
})

describe('a forked log', () => {
  it('is proven once a head beyond the fork of each branch has come with its leaves', () => {
    const forks = fc.tuple(fc.nat(299), history, history, fc.boolean())
    fc.assert(
      fc.property(forks, ([at, mine, theirs, interleaved]) => {
        const book = makeBook()
        const fork = new TestLog(alice)
        fork.tree.append(long.slots(0, at))
        fork.grow(300, 'another leaf')
        const branch = (log: TestLog, sizes: readonly number[], start: number) =>
          sizes.map((size, i) => ({ log, head: log.head(TEST_TIME + start + i * 2, size) }))
        const heads = [...branch(long, mine, 0), ...branch(fork, theirs, 1)]
        if (interleaved) heads.sort((a, b) => a.head.time - b.head.time)
        let shown: Head | undefined
        for (const { log, head } of heads) {
          sync(book, log, head)
          const kept = book.head(long.origin.text)
          // What was shown first is never taken back.
          if (shown !== undefined) {
            const tree = book.log(long.origin.text)?.tree
            expect(tree?.hasPrefix(shown.size, shown.root)).toBe(true)
          }
          shown = kept
        }
        const isBeyond = (sizes: readonly number[]): boolean => (sizes.at(-1) ?? 0) > at
        if (isBeyond(mine) && isBeyond(theirs)) expect(book.proofs()).toHaveLength(1)
        for (const { bytes, id } of book.proofs()) expect(openProof(bytes, nodeCrypto).id).toBe(id)
      }),
      { numRuns: RUNS / 3, ...SEED },
    )
  })
})

describe('bytes from anybody', () => {
  /** Opens, or throws a LogError; any other error fails the test. */
  const attempt = <T>(open: () => T): T | undefined => {
    try {
      return open()
    } catch (error) {
      if (error instanceof LogError) return undefined
      throw error
    }
  }
  const heads = headVectors.map(({ note }) => Buffer.from(note))
  const proofs = proofVectors.map(({ hex }) => Buffer.from(hex, 'hex'))

  it('that end early are neither head nor proof', () => {
    for (const [samples, open] of [
      [heads, openHead],
      [proofs, openProof],
    ] as const) {
      const bytes = samples[1] ?? Buffer.alloc(0)
      for (let length = 0; length < bytes.length; length++) {
        expect(attempt(() => open(bytes.subarray(0, length), nodeCrypto))).toBeUndefined()
      }
    }
  })

  it('that were changed open as nothing else than what was signed', () => {
    const change = fc.record({ at: fc.nat(3000), bit: fc.nat(7), insert: fc.boolean() })
    fc.assert(
      fc.property(fc.constantFrom(...heads), change, (bytes, { at, bit, insert }) => {
        const i = at % bytes.length
        const byte = (bytes[i] ?? 0) ^ (1 << bit)
        const changed = insert
          ? Buffer.concat([bytes.subarray(0, i), Buffer.of(byte), bytes.subarray(i)])
          : Buffer.from(bytes.map((each, j) => (j === i ? byte : each)))
        const head = attempt(() => openHead(changed, nodeCrypto))
        // What opens is the very head that was signed, whatever stands around it.
        if (head !== undefined) expect(Buffer.from(head.bytes).equals(bytes)).toBe(true)
      }),
      { numRuns: RUNS * 10, ...SEED },
    )
  })

  it('that were changed prove nothing about anybody else', () => {
    const change = fc.record({ at: fc.nat(40_000), bit: fc.nat(7) })
    fc.assert(
      fc.property(fc.constantFrom(...proofs), change, (bytes, { at, bit }) => {
        const i = at % bytes.length
        const changed = Buffer.from(bytes.map((each, j) => (j === i ? each ^ (1 << bit) : each)))
        expect(attempt(() => openProof(changed, nodeCrypto))).toBeUndefined()
      }),
      { numRuns: RUNS * 3, ...SEED },
    )
  })
})
