/** What is wrong with an operator card, each signed and, where it can be, proven all the same. */
import { hexOf, makeOperator, type TestOperator } from '../statements.ts'
import { changeStatement, payloadOf } from './change-statement.ts'
import type { InvalidRow } from './invalid-row.ts'

interface Predicate {
  readonly card: string
  readonly proofs: { readonly root: string; readonly keys: Readonly<Record<string, string>> }
}

const alice = makeOperator('alice')
const bob = makeOperator('bob')
const predicateOf = ({ card }: TestOperator): Predicate =>
  (JSON.parse(payloadOf(card)) as { predicate: Predicate }).predicate
const { card: base64, proofs } = predicateOf(alice)
const fields = JSON.parse(Buffer.from(base64, 'base64').toString()) as Record<string, unknown>
const { issued } = alice.card.statement.body
const [proof = ''] = Object.values(proofs.keys)

/** Alice's card with other bytes, to which her root and her signing key do agree. */
function proven(text: string): Uint8Array {
  const card = Buffer.from(text)
  const over = (domain: string): Buffer => Buffer.concat([Buffer.from(domain), card])
  const sign = (key: TestOperator['key'], domain: string): string =>
    Buffer.from(key.sign(over(domain))).toString('base64')
  return changeStatement(alice.card, {
    'predicate.card': card.toString('base64'),
    'predicate.proofs': {
      root: sign(alice.root, 'rebuildnet/card-root/1\0'),
      keys: { [alice.key.publicKey]: sign(alice.key, 'rebuildnet/card-key/1\0') },
    },
  })
}

const card = (changes: Record<string, unknown>): Uint8Array =>
  proven(JSON.stringify({ ...fields, ...changes }))
const bothKeys = [alice.key.publicKey, bob.key.publicKey].sort()
const unproven = Buffer.from(JSON.stringify({ ...fields, name: 'mallory' })).toString('base64')

export const invalidCards: readonly InvalidRow[] = [
  ['card of version 2', 'unknown-card-version', card({ version: 2 })],
  [
    'unknown kind of root key',
    'unknown-enum-value',
    card({ rootKey: { type: 'ssh-ed25519', key: 'AAAA' } }),
  ],
  ['card without a key', 'not-canonical', card({ keys: [] })],
  ['card with a duplicate key in its JSON', 'json-duplicate-key', proven('{"keys":[],"keys":[]}')],
  [
    'card that is not base64',
    'not-canonical',
    changeStatement(alice.card, { 'predicate.card': '-' }),
  ],
  ['card that lives 181 days', 'card-lifetime', card({ expires: issued + 181 * 24 * 3600 })],
  ['card that expires when it is issued', 'card-lifetime', card({ expires: issued })],
  ["another's key listed without its proof", 'missing-field', card({ keys: bothKeys })],
  ['card that lists only the key of another', 'card-signer', card({ keys: [bob.key.publicKey] })],
  [
    'card signed by a key that it does not list',
    'card-signer',
    changeStatement(alice.card, {}, bob),
  ],
  [
    'card changed after it was proven',
    'card-proof',
    changeStatement(alice.card, { 'predicate.card': unproven }),
  ],
  [
    'proof by another root key',
    'card-proof',
    changeStatement(alice.card, { 'predicate.proofs.root': predicateOf(bob).proofs.root }),
  ],
  [
    'proofs of root and signing key exchanged',
    'card-proof',
    changeStatement(alice.card, {
      'predicate.proofs': { root: proof, keys: { [alice.key.publicKey]: proofs.root } },
    }),
  ],
  [
    'operator statement about another card',
    'subject-mismatch',
    changeStatement(alice.card, { 'subject.0.digest.sha256': hexOf('other') }),
  ],
]
