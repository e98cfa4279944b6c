/** Proofs of equivocation of each kind, and bytes that are none. */
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { concat } from '../../../protocol/bytes.ts'
import {
  proveAfterSeal,
  proveFork,
  proveMisfiled,
  proveRewrite,
  proveShrink,
  type EquivocationProof,
} from '../../../protocol/log/equivocation.ts'
import type { Head } from '../../../protocol/log/head.ts'
import type { LogErrorCode } from '../../../protocol/log/log-error.ts'
import { encodeProof, parseProof, type ProofParts } from '../../../protocol/log/proof-parts.ts'
import { TestLog } from '../logs.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_TIME } from '../statements.ts'
import { changeStatement } from './change-statement.ts'
import { cosignatureLine } from './log-heads.ts'

const alice = makeOperator('alice')
const bob = makeOperator('bob')
const rebuilt = makeRebuild()
const foreign = makeRebuild({ operator: bob })
const log = new TestLog(alice).add(alice.card, rebuilt, foreign).grow(11)
const fork = new TestLog(alice).add(alice.card, rebuilt, 'something else').grow(11)
const mistagged = new TestLog(alice).add(alice.card, {
  kind: 'statement',
  sid: rebuilt.statement.sid,
  tag: '11'.repeat(16),
})
const next = log.next(alice)
const later = TEST_TIME + 60
const misfiled = (of: TestLog, index: number, bytes: Uint8Array, time = TEST_TIME) =>
  proveMisfiled(of.head(time), of.tree, index, bytes, nodeCrypto)

export const validProofs: readonly (readonly [string, EquivocationProof])[] = [
  ['two roots of eleven leaves', proveFork(log.head(), fork.head(later), nodeCrypto)],
  [
    'a later head with fewer leaves',
    proveShrink(log.head(TEST_TIME, 7), log.head(later, 5), nodeCrypto),
  ],
  [
    'three leaves that are not the first of eleven',
    proveRewrite(fork.head(TEST_TIME, 3), log.head(later), log.tree, nodeCrypto),
  ],
  [
    'eight leaves that are not the first of ten',
    proveRewrite(fork.head(TEST_TIME, 8), log.head(later, 10), log.tree, nodeCrypto),
  ],
  ["another's statement", misfiled(log, 2, foreign.bytes)],
  ['a statement under the tag of another project', misfiled(mistagged, 1, rebuilt.bytes)],
  [
    'a closed log with a later head',
    proveAfterSeal(log.head(later), next.head(TEST_TIME), nodeCrypto),
  ],
  [
    'a head of a log that a log two behind it had closed',
    proveAfterSeal(log.head(later), next.next(alice).head(TEST_TIME), nodeCrypto),
  ],
]

const partsOf = (index: number): ProofParts =>
  parseProof(validProofs[index]?.[1].bytes ?? new Uint8Array(0))
const forkParts = partsOf(0)
const rewriteParts = partsOf(2)
const misfiledParts = partsOf(4)
const pair = (kind: 'fork' | 'shrink' | 'after-seal', a: Head, b: Head): Uint8Array =>
  encodeProof({ kind, heads: [a.bytes, b.bytes] })
const rewrite = (a: Head, b: Head, hashes: readonly Uint8Array[]): Uint8Array =>
  encodeProof({ kind: 'rewrite', heads: [a.bytes, b.bytes], hashes })
const forkBytes = encodeProof(forkParts)
const inLog = log.tree.hashes(0, 3).concat(log.tree.hashes(3, 11))
const { hashes: around = [] } = misfiledParts
const own = { index: 1, slot: log.tree.slot(1) }
const aroundOwn = [...log.tree.hashes(0, 1), ...log.tree.hashes(2, 11)]
const unknownKind = changeStatement(makeRelease({ operator: alice }), {
  predicateType: 'https://rebuildnet.dev/of-the-future/v1',
})
const head = Buffer.from(log.head().bytes).toString('utf8')
const witnessed = Buffer.from(`${head}${cosignatureLine(head, bob, { name: 'witness.example' })}`)
const forged = Buffer.from(head.replace('\n11\n', '\n10\n'))
const elsewhere = new TestLog(bob).grow(11)

/** Name, the code that opening must give, and the proof. */
export const invalidProofs: readonly (readonly [string, LogErrorCode, Uint8Array])[] = [
  [
    '48 KiB and a byte',
    'too-large',
    concat(forkBytes, new Uint8Array(48 * 1024 + 1 - forkBytes.length)),
  ],
  ['nothing', 'proof-malformed', new Uint8Array(0)],
  ['a version of the future', 'unknown-proof', withByte(forkBytes, 0, 2)],
  ['a kind of the future', 'unknown-proof', withByte(forkBytes, 1, 6)],
  ['cut', 'proof-malformed', forkBytes.subarray(0, -1)],
  ['a byte more', 'proof-malformed', concat(forkBytes, new Uint8Array(1))],
  [
    'hashes that are cut',
    'proof-malformed',
    encodeProof({ ...rewriteParts, hashes: [new Uint8Array(31)] }),
  ],
  [
    'a leaf that is cut',
    'proof-malformed',
    encodeProof({ ...misfiledParts, leaf: { index: 0, slot: new Uint8Array(48) } }),
  ],
  [
    'a head with the line of a witness',
    'proof-malformed',
    encodeProof({ ...forkParts, heads: [witnessed, fork.head(later).bytes] }),
  ],
  [
    'the heads in the other order',
    'proof-malformed',
    encodeProof({ ...forkParts, heads: forkParts.heads.toReversed() }),
  ],
  [
    'a head that nobody signed',
    'bad-signature',
    encodeProof({ ...forkParts, heads: [forged, fork.head(later).bytes] }),
  ],
  ['heads of two operators', 'proof-origins', pair('shrink', log.head(), elsewhere.head(later, 3))],
  ['heads of two logs of one key', 'proof-origins', pair('fork', log.head(), next.head(later))],
  [
    'the logs in the other order',
    'proof-origins',
    pair('after-seal', next.head(later), log.head()),
  ],
  [
    'logs of one key in the names of two operators',
    'proof-origins',
    pair('after-seal', log.head(later), new TestLog(alice, 0, bob.id).next(alice).head()),
  ],
  [
    'logs of two operators',
    'proof-origins',
    pair('after-seal', log.head(later), elsewhere.next(bob).head()),
  ],
  ['one head twice', 'no-contradiction', pair('fork', log.head(), log.head())],
  [
    'two heads that fit',
    'no-contradiction',
    pair('shrink', log.head(TEST_TIME, 5), log.head(later)),
  ],
  [
    'a smaller head of the same time',
    'no-contradiction',
    pair('shrink', log.head(), log.head(TEST_TIME, 5)),
  ],
  [
    'a beginning that fits',
    'no-contradiction',
    rewrite(log.head(TEST_TIME, 3), log.head(later), inLog),
  ],
  [
    'a larger head before a smaller one',
    'no-contradiction',
    rewrite(log.head(), fork.head(later, 3), inLog),
  ],
  [
    'hashes of another log',
    'proof-hashes',
    rewrite(
      fork.head(TEST_TIME, 3),
      log.head(later),
      fork.tree.hashes(0, 3).concat(fork.tree.hashes(3, 11)),
    ),
  ],
  [
    'a hash too few',
    'proof-hashes',
    rewrite(fork.head(TEST_TIME, 3), log.head(later), inLog.slice(1)),
  ],
  [
    'a hash too many',
    'proof-hashes',
    rewrite(fork.head(TEST_TIME, 3), log.head(later), [...inLog, new Uint8Array(32)]),
  ],
  [
    'a leaf at another index',
    'proof-hashes',
    encodeProof({ ...misfiledParts, leaf: { index: 3, slot: log.tree.slot(2) }, hashes: around }),
  ],
  [
    'a leaf beyond the head',
    'proof-malformed',
    encodeProof({ ...misfiledParts, leaf: { index: 11, slot: log.tree.slot(2) } }),
  ],
  [
    'a leaf that is as it should be',
    'no-contradiction',
    encodeProof({ ...misfiledParts, leaf: own, hashes: aroundOwn, statement: rebuilt.bytes }),
  ],
  [
    'a statement that the leaf does not name',
    'proof-malformed',
    encodeProof({ ...misfiledParts, statement: rebuilt.bytes }),
  ],
  [
    'a statement that nobody signed',
    'proof-malformed',
    encodeProof({ ...misfiledParts, statement: withByte(foreign.bytes, 40, 0) }),
  ],
  [
    'a statement of a kind of the future',
    'unknown-proof',
    encodeProof({ ...misfiledParts, statement: unknownKind }),
  ],
  [
    'a closed log that stayed closed',
    'no-contradiction',
    pair('after-seal', log.head(), next.head(TEST_TIME)),
  ],
]

function withByte(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  return Uint8Array.from(bytes, (each, i) => (i === at ? byte : each))
}
