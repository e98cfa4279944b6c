/**
 * The vectors of logs that other implementations can check: heads with all their leaves, leaves with
 * their hashes, proofs of each kind, and for each error code bytes that must be answered with it.
 *
 *   node test/support/vectors/logs.ts    writes test/vectors/log/{heads,leaves,proofs,invalid}.json
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import {
  leafBytes,
  parseLeaf,
  packLeaf,
  projectTag,
  type Leaf,
} from '../../../protocol/log/leaf.ts'
import type { LogErrorCode } from '../../../protocol/log/log-error.ts'
import { hashLeaf } from '../../../protocol/log/merkle.ts'
import { hexOf, TEST_IMAGE } from '../statements.ts'
import { invalidHeads, validHeads } from './log-heads.ts'
import { invalidProofs, validProofs } from './log-proofs.ts'

export interface InvalidLogVector {
  readonly name: string
  /** What it is opened as; a leaf stands at `n`, `index`. */
  readonly as: 'head' | 'leaf' | 'proof'
  readonly code: LogErrorCode
  readonly disposition: 'reject' | 'ignore'
  readonly hex: string
  readonly n?: number
  readonly index?: number
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const headVectors = validHeads.map(({ name, log, head, ...rest }) => ({
  name,
  note: Buffer.from(head.bytes).toString('utf8'),
  origin: head.origin.text,
  key: head.origin.key,
  size: head.size,
  root: head.root,
  card: head.card,
  time: head.time,
  leaves: Array.from({ length: 'size' in rest ? rest.size : log.tree.size }, (_, i) =>
    toHex(leafBytes(log.tree.slot(i))),
  ),
}))

const statement = (name: string, tag: string): Leaf => ({
  kind: 'statement',
  sid: hexOf(name),
  tag,
})
const seal: Leaf = { kind: 'seal', size: 65_536, root: hexOf('root') }

export const leafVectors = [
  {
    name: 'a statement of a project',
    image: TEST_IMAGE,
    n: 0,
    index: 0,
    leaf: statement('a', projectTag(TEST_IMAGE, nodeCrypto)),
  },
  { name: 'a card', n: 0, index: 65_535, leaf: statement('b', '00'.repeat(16)) },
  { name: 'a statement behind a seal', n: 1, index: 1, leaf: statement('c', '00'.repeat(16)) },
  { name: 'a seal of a full log', n: 1, index: 0, leaf: seal },
  { name: 'a seal of an empty log', n: 65_535, index: 0, leaf: { ...seal, size: 0 } },
].map(({ leaf, ...rest }) => {
  const slot = packLeaf(leaf)
  return {
    ...rest,
    slot: toHex(slot),
    hashed: toHex(leafBytes(slot)),
    hash: toHex(hashLeaf(leafBytes(slot), nodeCrypto)),
    leaf: parseLeaf(slot),
  }
})

export const proofVectors = validProofs.map(
  ([name, { kind, operator, key, origin, words, id, bytes }]) => ({
    name,
    kind,
    operator,
    key,
    origin: origin.text,
    words,
    id,
    hex: toHex(bytes),
  }),
)

const sealSlot = toHex(packLeaf(seal))
const plainSlot = toHex(packLeaf(statement('a', '00'.repeat(16))))
const invalidLeaves: readonly Omit<InvalidLogVector, 'as' | 'disposition'>[] = [
  { name: 'a slot that is cut', code: 'leaf-malformed', hex: plainSlot.slice(2), n: 0, index: 0 },
  {
    name: 'a seal of 65,537 leaves',
    code: 'leaf-malformed',
    hex: sealSlot.replace('00010000', '00010001'),
    n: 1,
    index: 0,
  },
  {
    name: 'a seal of 2^32 leaves',
    code: 'leaf-malformed',
    hex: sealSlot.replace('0200000000', '0200000001'),
    n: 1,
    index: 0,
  },
  {
    name: 'a seal with bytes behind it',
    code: 'leaf-malformed',
    hex: sealSlot.replace(/00$/, '01'),
    n: 1,
    index: 0,
  },
  {
    name: 'a leaf of the future',
    code: 'unknown-leaf',
    hex: plainSlot.replace('01', '03'),
    n: 0,
    index: 0,
  },
  { name: 'a seal in the first log', code: 'seal-misplaced', hex: sealSlot, n: 0, index: 0 },
  { name: 'a seal behind other leaves', code: 'seal-misplaced', hex: sealSlot, n: 1, index: 1 },
  { name: 'a later log without a seal', code: 'seal-misplaced', hex: plainSlot, n: 1, index: 0 },
]

/** Codes that depend on what a later version may know; all others are wrong for ever. */
const IGNORED: readonly LogErrorCode[] = [
  'unknown-origin',
  'unknown-extension',
  'unknown-leaf',
  'unknown-proof',
]

export const invalidLogVectors: readonly InvalidLogVector[] = [
  ...invalidHeads.map(([name, code, note]) => ({
    name,
    as: 'head' as const,
    code,
    hex: toHex(Buffer.from(note)),
  })),
  ...invalidLeaves.map((each) => ({ ...each, as: 'leaf' as const })),
  ...invalidProofs.map(([name, code, bytes]) => ({
    name,
    as: 'proof' as const,
    code,
    hex: toHex(bytes),
  })),
].map((each) => ({ ...each, disposition: IGNORED.includes(each.code) ? 'ignore' : 'reject' }))

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', '..', 'vectors', 'log')
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`)
  write('heads.json', { heads: headVectors })
  write('leaves.json', { vectors: leafVectors })
  write('proofs.json', { vectors: proofVectors })
  write('invalid.json', { vectors: invalidLogVectors })
}
