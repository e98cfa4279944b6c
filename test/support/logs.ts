/**
 * Logs for tests: of operators from `statements.ts`, with heads that are really signed. A test names
 * only what it is about: `log.add('a', 'b'); log.head(TEST_TIME + 60)`.
 */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { SigningKey } from '../../node/crypto/signing-key.ts'
import { signHead, type Head, type HeadCard } from '../../protocol/log/head.ts'
import { packLeaf, projectTag, tagOf, type Leaf } from '../../protocol/log/leaf.ts'
import { LogBook } from '../../protocol/log/log-book.ts'
import { LogTree } from '../../protocol/log/log-tree.ts'
import { makeOrigin, type Origin } from '../../protocol/log/origin.ts'
import { concat } from '../../protocol/bytes.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { hexOf, makeOperator, TEST_IMAGE, TEST_TIME, type TestOperator } from './statements.ts'

export const TEST_TAG = projectTag(TEST_IMAGE, nodeCrypto)

/** A leaf of a statement that nobody has, about TEST_IMAGE. */
export function leafNamed(name: string, tag = TEST_TAG): Leaf {
  return { kind: 'statement', sid: hexOf(name), tag }
}

export class TestLog {
  readonly origin: Origin
  readonly tree = new LogTree(nodeCrypto)
  readonly #key: SigningKey
  readonly #card: HeadCard

  constructor(operator: TestOperator = makeOperator(), n = 0, id = operator.id) {
    this.origin = makeOrigin(id, operator.key.publicKey, n)
    this.#key = operator.key
    this.#card = { version: 1, sid: operator.card.statement.sid }
  }

  /** Leaves by name, as they are, or of statements. */
  add(...leaves: readonly (string | Leaf | CreatedStatement)[]): this {
    for (const leaf of leaves) this.tree.append(packLeaf(toLeaf(leaf)))
    return this
  }

  /** As many leaves as it takes to have `size`, with names that begin with `word`. */
  grow(size: number, word = 'leaf'): this {
    const slots = []
    for (let i = this.tree.size; i < size; i++) slots.push(packLeaf(leafNamed(`${word} ${i}`)))
    this.tree.append(concat(...slots))
    return this
  }

  /** A head of the first `size` leaves. */
  head(time = TEST_TIME, size = this.tree.size, fields: Partial<Head> = {}): Head {
    const root = this.tree.root(size)
    const { origin } = this
    return signHead(
      { origin, size, root, card: this.#card, time, ...fields },
      this.#key,
      nodeCrypto,
    )
  }

  slots(from = 0, to = this.tree.size): Uint8Array {
    return this.tree.slots(from, to)
  }

  /** The log behind this one, that seals it as it is. */
  next(operator: TestOperator, size = this.tree.size, root = this.tree.root()): TestLog {
    const next = new TestLog(operator, this.origin.n + 1, this.origin.operator)
    return next.add({ kind: 'seal', size, root })
  }
}

/** A book that follows every log, or those that `wants` names. */
export function makeBook(wants: (origin: Origin) => boolean = () => true): LogBook {
  return new LogBook({ crypto: nodeCrypto, secret: new Uint8Array(16), wants })
}

/** Offers the newest state of a log, with all its leaves. */
export function show(book: LogBook, log: TestLog, time = TEST_TIME, size = log.tree.size): Head {
  const head = log.head(time, size)
  const answer = book.offerHead(head, time)
  if (answer.kind === 'needs-leaves') {
    book.addLeaves(answer.from, log.slots(answer.from, size), head)
  }
  return head
}

function toLeaf(leaf: string | Leaf | CreatedStatement): Leaf {
  if (typeof leaf === 'string') return leafNamed(leaf)
  if ('kind' in leaf) return leaf
  const { sid, body } = leaf.statement
  return {
    kind: 'statement',
    sid,
    tag: tagOf(body, nodeCrypto),
  }
}
