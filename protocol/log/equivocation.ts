/**
 * Proof that the owner of a key wrote two histories.
 *
 * A proof holds all that it needs: whoever opens it needs no log and trusts nobody. It shows what no
 * honest owner ever signs, under one operator id and one key:
 *
 *   fork        two heads of one log with one size and two roots
 *   shrink      of two heads of one log the later one is smaller
 *   rewrite     a larger head whose first leaves do not give the root of a smaller one
 *   misfiled    a leaf whose statement is by another key, or of another project than its tag says
 *   after-seal  a head of a log that is dated after one of a later log
 *
 * It speaks of a key: that the key is the operator's must be known from a card. protocol/log/README.md.
 */
import { toHex } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { parseEnvelope } from '../envelope.ts'
import type { KeyHex, OperatorId } from '../identifiers.ts'
import { openStatement } from '../open-statement.ts'
import { StatementError } from '../statement-error.ts'
import type { SignedStatement } from '../statement.ts'
import { openHead, type Head, type HeadCard } from './head.ts'
import { leafBytes, parseLeafAt, tagOf } from './leaf.ts'
import { LogError } from './log-error.ts'
import type { LogTree } from './log-tree.ts'
import { coverOf, hashLeaf, rootOfCover } from './merkle.ts'
import type { Origin } from './origin.ts'
import { encodeProof, parseProof, type EquivocationKind, type ProofParts } from './proof-parts.ts'

export type { EquivocationKind } from './proof-parts.ts'

export interface EquivocationProof {
  readonly kind: EquivocationKind
  readonly operator: OperatorId
  readonly key: KeyHex
  /** The log in which it shows; of two logs the earlier one. */
  readonly origin: Origin
  /** By which whoever signed it goes. */
  readonly card: HeadCard
  /** What it shows, for a person; without names. */
  readonly words: string
  /** sha256 of the bytes, hex. */
  readonly id: string
  readonly bytes: Uint8Array
}

/** Verifies and reads a proof; throws LogError and nothing else. */
export function openProof(bytes: Uint8Array, crypto: Crypto): EquivocationProof {
  const parts = parseProof(bytes)
  const { head, words } = CHECKS[parts.kind](parts, crypto)
  const { origin, card } = head
  return {
    kind: parts.kind,
    operator: origin.operator,
    key: origin.key,
    origin,
    card,
    words,
    id: toHex(crypto.sha256(bytes)),
    // A copy: a proof is kept for ever, the frame that it came in is not.
    bytes: new Uint8Array(bytes),
  }
}

/** Two heads of one log with one size and two roots. */
export function proveFork(a: Head, b: Head, crypto: Crypto): EquivocationProof {
  const [first, second] = a.root < b.root ? [a, b] : [b, a]
  return certain({ kind: 'fork', heads: [first.bytes, second.bytes] }, crypto)
}

/** Two heads of one log of which the later is smaller. */
export function proveShrink(a: Head, b: Head, crypto: Crypto): EquivocationProof {
  const [earlier, later] = a.time < b.time ? [a, b] : [b, a]
  return certain({ kind: 'shrink', heads: [earlier.bytes, later.bytes] }, crypto)
}

/** `tree` begins with all leaves of the larger head. */
export function proveRewrite(
  smaller: Head,
  larger: Head,
  tree: LogTree,
  crypto: Crypto,
): EquivocationProof {
  const hashes = [...tree.hashes(0, smaller.size), ...tree.hashes(smaller.size, larger.size)]
  return certain({ kind: 'rewrite', heads: [smaller.bytes, larger.bytes], hashes }, crypto)
}

/** `tree` begins with all leaves of the head; `statement` is the binary form of what leaf `index` names. */
export function proveMisfiled(
  head: Head,
  tree: LogTree,
  index: number,
  statement: Uint8Array,
  crypto: Crypto,
): EquivocationProof {
  const leaf = { index, slot: tree.slot(index), hashes: hashesAround(tree, index, head.size) }
  const { hashes, ...rest } = leaf
  return certain({ kind: 'misfiled', heads: [head.bytes], hashes, leaf: rest, statement }, crypto)
}

/** A head of a log that is dated after one of a later log of the same key. */
export function proveAfterSeal(closed: Head, successor: Head, crypto: Crypto): EquivocationProof {
  return certain({ kind: 'after-seal', heads: [closed.bytes, successor.bytes] }, crypto)
}

/** Nothing is called a proof that does not open. */
function certain(parts: ProofParts, crypto: Crypto): EquivocationProof {
  return openProof(encodeProof(parts), crypto)
}

function hashesAround(tree: LogTree, index: number, size: number): Uint8Array[] {
  return [...tree.hashes(0, index), ...tree.hashes(index + 1, size)]
}

interface Finding {
  /** Of the log in which it shows. */
  readonly head: Head
  readonly words: string
}

const CHECKS: Readonly<Record<EquivocationKind, (parts: ProofParts, crypto: Crypto) => Finding>> = {
  fork(parts, crypto) {
    const [a, b] = twoHeads(parts, crypto)
    sameLog(a, b)
    if (a.size !== b.size || a.root === b.root) noContradiction('one size and two roots')
    // One pair of heads has one spelling.
    if (a.root > b.root)
      throw new LogError('proof-malformed', 'the heads are not in the order of their roots')
    return {
      head: a,
      words: `two heads of one log say different things of the same ${a.size} leaves`,
    }
  },
  shrink(parts, crypto) {
    const [earlier, later] = twoHeads(parts, crypto)
    sameLog(earlier, later)
    if (earlier.time >= later.time || earlier.size <= later.size) {
      noContradiction('a later head that is smaller')
    }
    return {
      head: later,
      words: `a later head of the log has ${later.size} leaves, an earlier one had ${earlier.size}`,
    }
  },
  rewrite(parts, crypto) {
    const [smaller, larger] = twoHeads(parts, crypto)
    sameLog(smaller, larger)
    if (smaller.size >= larger.size) noContradiction('a smaller and a larger head')
    const before = coverOf(0, smaller.size)
    const { hashes = [] } = parts
    checkHashes([...before, ...coverOf(smaller.size, larger.size)], hashes, larger, crypto)
    if (rootOfCover(before, hashes, crypto) === smaller.root) {
      noContradiction('two different beginnings')
    }
    return {
      head: larger,
      words: `the first ${smaller.size} leaves of a head with ${larger.size} are not those of an earlier head`,
    }
  },
  misfiled(parts, crypto) {
    const head = openPart(parts.heads[0], crypto)
    const { index, slot } = leafUnder(head, parts, crypto)
    const leaf = parseLeafAt(slot, head.origin.n, index)
    const statement = openOwn(parts.statement ?? new Uint8Array(0), crypto)
    if (leaf.kind !== 'statement' || leaf.sid !== statement.sid) {
      throw new LogError('proof-malformed', 'the statement is not the one that the leaf names')
    }
    const foreign = statement.key !== head.origin.key
    if (!foreign && leaf.tag === tagOf(statement.body, crypto)) {
      noContradiction('a leaf that is not what its statement says')
    }
    const what = foreign
      ? 'a statement of another key'
      : 'a statement under a project that is not its own'
    return { head, words: `leaf ${index} of the log lists ${what}` }
  },
  'after-seal'(parts, crypto) {
    const [closed, successor] = twoHeads(parts, crypto)
    if (
      closed.origin.operator !== successor.origin.operator ||
      closed.origin.key !== successor.origin.key ||
      closed.origin.n >= successor.origin.n
    ) {
      throw new LogError(
        'proof-origins',
        'the heads are not of an earlier and a later log of one key',
      )
    }
    if (closed.time <= successor.time) noContradiction('a closed log with a later head')
    return {
      head: closed,
      words: `log ${closed.origin.n} has a head that is later than one of log ${successor.origin.n}, which closed it`,
    }
  },
}

function twoHeads({ heads }: ProofParts, crypto: Crypto): [Head, Head] {
  return [openPart(heads[0], crypto), openPart(heads[1], crypto)]
}

function openPart(bytes: Uint8Array | undefined, crypto: Crypto): Head {
  if (bytes === undefined) throw new LogError('proof-malformed', 'a head is missing')
  const head = openHead(bytes, crypto)
  if (head.bytes.length !== bytes.length) {
    throw new LogError('proof-malformed', 'a head with the lines of others')
  }
  return head
}

function sameLog(a: Head, b: Head): void {
  if (a.origin.text !== b.origin.text) {
    throw new LogError('proof-origins', 'the heads are of two logs')
  }
}

function checkHashes(
  cover: ReturnType<typeof coverOf>,
  hashes: readonly Uint8Array[],
  head: Head,
  crypto: Crypto,
): void {
  if (hashes.length !== cover.length || rootOfCover(cover, hashes, crypto) !== head.root) {
    throw new LogError('proof-hashes', 'the hashes do not give the root of the head')
  }
}

function leafUnder(
  head: Head,
  parts: ProofParts,
  crypto: Crypto,
): { index: number; slot: Uint8Array } {
  const { leaf, hashes = [] } = parts
  if (leaf === undefined || leaf.index >= head.size) {
    throw new LogError('proof-malformed', 'no leaf of the head')
  }
  const before = coverOf(0, leaf.index)
  const cover = [...before, { level: 0, index: leaf.index }, ...coverOf(leaf.index + 1, head.size)]
  const hash = hashLeaf(leafBytes(leaf.slot), crypto)
  checkHashes(cover, hashes.toSpliced(before.length, 0, hash), head, crypto)
  return leaf
}

function openOwn(bytes: Uint8Array, crypto: Crypto): SignedStatement {
  try {
    parseEnvelope(bytes)
    return openStatement(bytes, crypto)
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    const code = error.disposition === 'ignore' ? 'unknown-proof' : 'proof-malformed'
    throw new LogError(code, `the statement in the proof does not open: ${error.message}`, error)
  }
}

function noContradiction(what: string): never {
  throw new LogError('no-contradiction', `the proof does not show ${what}`)
}
