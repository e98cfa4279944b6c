/** What is wrong with an operator card, each signed and, where it can be, proven all the same. */
import { encodeSshSignature, parseSshSignature } from '../../../protocol/ssh-signature.ts'
import { makeCardStatement, sshRoot } from '../cards.ts'
import { securityKeyOf, signSsh, sshKeyOf } from '../ssh.ts'
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

const origin = (operator: string): string =>
  `rebuildnet.dev/log/${operator}/${alice.key.publicKey}/0`
const revocation = { origin: origin(alice.id), size: 3, root: hexOf('root of a log') }
const previous = { card: alice.card.statement.body.cardDigest }
/** Alice's second card. */
const second = (changes: Record<string, unknown>): Uint8Array =>
  card({ version: 2, operator: alice.id, previous, ...changes })
const { key: base64Key } = sshRoot(alice.root).rootKey

/** A first card of alice's SSH key, and what stands there in the place of that key's proof. */
function bySsh(
  prove: (card: Uint8Array) => Uint8Array | string,
  kind: 'plain' | 'security-key' = 'plain',
): Uint8Array {
  const root = sshRoot(alice.root, kind)
  const made = makeCardStatement({ root, keys: [alice.key] })
  const proof = prove(made.card)
  return changeStatement(made, {
    'predicate.proofs.root':
      typeof proof === 'string' ? proof : Buffer.from(proof).toString('base64'),
  })
}

const ssh = sshKeyOf(alice.root)
const securityKey = securityKeyOf(alice.root)

export const invalidCards: readonly InvalidRow[] = [
  ['card of version 0', 'out-of-range', card({ version: 0 })],
  ['second card that names no operator', 'missing-field', second({ operator: undefined })],
  ['second card that names none before it', 'missing-field', second({ previous: undefined })],
  ['second card of no operator id', 'not-canonical', second({ operator: 'op1' })],
  ['second card after no digest', 'not-canonical', second({ previous: { card: 'first' } })],
  [
    'second card after no statement',
    'not-canonical',
    second({ previous: { ...previous, sid: 'first' } }),
  ],
  [
    'second card that repeats its root key as the one before',
    'inconsistent',
    second({ previous: { ...previous, rootKey: { type: 'ed25519', key: alice.root.publicKey } } }),
  ],
  [
    'second card to which the root key before has not agreed',
    'missing-field',
    second({ previous: { ...previous, rootKey: { type: 'ed25519', key: bob.root.publicKey } } }),
  ],
  ['card that revokes an empty list', 'not-canonical', second({ revocations: [] })],
  [
    'card that revokes a log of another operator',
    'inconsistent',
    second({ revocations: [{ ...revocation, origin: origin(bob.id) }] }),
  ],
  [
    'card that revokes what is no log',
    'not-canonical',
    second({ revocations: [{ ...revocation, origin: `${revocation.origin}1x` }] }),
  ],
  [
    'card that revokes more leaves than a log has',
    'out-of-range',
    second({ revocations: [{ ...revocation, size: 65_537 }] }),
  ],
  [
    'card that revokes one log twice',
    'not-sorted',
    second({ revocations: [revocation, { ...revocation, size: 2 }] }),
  ],
  [
    'card that revokes without a root',
    'missing-field',
    second({ revocations: [{ origin: revocation.origin, size: 3 }] }),
  ],
  [
    'unknown kind of root key',
    'unknown-enum-value',
    card({ rootKey: { type: 'ssh-rsa', key: 'AAAA' } }),
  ],
  [
    'SSH root key that is cut off',
    'not-canonical',
    card({ rootKey: { type: 'ssh-ed25519', key: base64Key.slice(0, -4) } }),
  ],
  [
    'SSH root key of another type than it says',
    'not-canonical',
    card({ rootKey: { type: 'sk-ssh-ed25519@openssh.com', key: base64Key } }),
  ],
  [
    'SSH root key in hex',
    'not-canonical',
    card({ rootKey: { type: 'ssh-ed25519', key: alice.root.publicKey } }),
  ],
  [
    'SSH proof in another namespace',
    'card-proof',
    bySsh((bytes) => signSsh(alice.root, ssh, bytes, { namespace: 'file' })),
  ],
  [
    'SSH proof by another key',
    'card-proof',
    bySsh((bytes) => signSsh(bob.root, sshKeyOf(bob.root), bytes)),
  ],
  [
    'SSH proof that names the key and is by another',
    'card-proof',
    bySsh((bytes) => signSsh(bob.root, ssh, bytes)),
  ],
  [
    'SSH proof over other bytes',
    'card-proof',
    bySsh(() => signSsh(alice.root, ssh, Buffer.from('x'))),
  ],
  [
    'SSH proof with a byte after its end',
    'card-proof',
    bySsh((bytes) => Buffer.concat([signSsh(alice.root, ssh, bytes), Buffer.of(0)])),
  ],
  [
    'bare signature in the place of an SSH proof',
    'card-proof',
    bySsh((bytes) => alice.root.sign(bytes)),
  ],
  [
    'proof of a security key that nobody touched',
    'card-proof',
    bySsh((bytes) => signSsh(alice.root, securityKey, bytes, { flags: 0 }), 'security-key'),
  ],
  [
    'proof of a security key that was made for something else',
    'card-proof',
    bySsh(
      (bytes) => signSsh(alice.root, securityKeyOf(alice.root, 'ssh:other'), bytes),
      'security-key',
    ),
  ],
  [
    'proof of a security key with another counter than was signed',
    'card-proof',
    bySsh((bytes) => {
      const parsed = parseSshSignature(signSsh(alice.root, securityKey, bytes))
      if (parsed === undefined) throw new Error('not a signature')
      return encodeSshSignature({ ...parsed, touch: { flags: 1, counter: 8 } })
    }, 'security-key'),
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
