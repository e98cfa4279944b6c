/** Cards beyond the first: with SSH root keys, and of later versions. */
import { createHash } from 'node:crypto'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { SigningKey } from '../../node/crypto/signing-key.ts'
import { createCardStatement, type CreatedStatement } from '../../protocol/create-statement.ts'
import {
  encodeCard,
  proveAsKey,
  proveAsRoot,
  type CardFields,
  type OperatorCard,
} from '../../protocol/operator-card.ts'
import type { RootKey } from '../../protocol/root-key.ts'
import { rootKeyOf, securityKeyOf, signSsh, sshKeyOf } from './ssh.ts'
import { TEST_TIME } from './statements.ts'

/** A key that follows from its name. */
export function makeKey(name: string): SigningKey {
  return new SigningKey(createHash('sha256').update(name).digest())
}

/** Whoever holds a root key, of any kind. */
export interface TestRoot {
  readonly rootKey: RootKey
  prove(card: Uint8Array): string
}

export function rawRoot(key: SigningKey): TestRoot {
  return {
    rootKey: { type: 'ed25519', key: key.publicKey },
    prove: (card) => proveAsRoot(card, key),
  }
}

export function sshRoot(key: SigningKey, kind: 'plain' | 'security-key' = 'plain'): TestRoot {
  const ssh = kind === 'plain' ? sshKeyOf(key) : securityKeyOf(key)
  return {
    rootKey: rootKeyOf(ssh),
    prove: (card) => Buffer.from(signSsh(key, ssh, card)).toString('base64'),
  }
}

export interface CardSpec extends Partial<Omit<CardFields, 'rootKey' | 'keys'>> {
  readonly root: TestRoot
  /** The root of the card before, where it is another. */
  readonly previousRoot?: TestRoot
  readonly keys: readonly SigningKey[]
}

/** The bytes of a card and a statement of it, signed by the first of its keys. */
export function makeCardStatement(
  spec: CardSpec,
): CreatedStatement<OperatorCard> & { readonly card: Uint8Array } {
  const { root, previousRoot, keys, ...fields } = spec
  const [signer] = keys
  if (signer === undefined) throw new Error('a card needs a key')
  const card = encodeCard({
    name: 'alice',
    contact: 'alice@example.org',
    issued: TEST_TIME,
    expires: TEST_TIME + 90 * 24 * 3600,
    ...fields,
    rootKey: root.rootKey,
    keys: keys.map(({ publicKey }) => publicKey),
  })
  const proofs = {
    root: root.prove(card),
    ...(previousRoot === undefined ? {} : { previous: previousRoot.prove(card) }),
    keys: Object.fromEntries(keys.map((key) => [key.publicKey, proveAsKey(card, key)])),
  }
  return { card, ...createCardStatement(card, proofs, signer, nodeCrypto) }
}
