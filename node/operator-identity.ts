/**
 * Who this node is: its signing key, and the operator card that says whose key it is.
 *
 * `init` makes a root key, a signing key and a card of version 1. The root key signs cards and
 * nothing else: once the card is made it can be kept elsewhere.
 */
import { readFile } from 'node:fs/promises'
import { createOperatorStatement } from '../protocol/create-statement.ts'
import type { Crypto } from '../protocol/crypto.ts'
import { openStatement } from '../protocol/open-statement.ts'
import { MAX_CARD_LIFETIME_SECONDS, type OperatorCard } from '../protocol/operator-card.ts'
import { StatementError } from '../protocol/statement-error.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { unixSeconds, type Clock } from './clock.ts'
import { ConfigError } from './config-error.ts'
import { createSigningKey, loadSigningKey, type SigningKey } from './crypto/signing-key.ts'
import { createDataFolder, type DataFolder } from './data-folder.ts'

export interface OperatorIdentity {
  readonly key: SigningKey
  readonly card: SignedStatement<OperatorCard>
  /** The card as its canonical binary statement. */
  readonly cardBytes: Uint8Array
}

export interface InitOptions {
  readonly folder: string
  readonly name: string
  readonly contact: string
  /** What the operator says of where it runs (`country`, `provider`…). */
  readonly claims: Readonly<Record<string, string>>
}

export async function initDataFolder(
  components: { readonly crypto: Crypto; readonly clock: Clock },
  options: InitOptions,
): Promise<{ readonly folder: DataFolder; readonly identity: OperatorIdentity }> {
  const folder = await createDataFolder(options.folder)
  const root = await createSigningKey(folder.rootKey)
  const key = await createSigningKey(folder.signingKey)
  const issued = unixSeconds(components.clock)
  const { bytes, statement } = createOperatorStatement(
    {
      name: options.name,
      contact: options.contact,
      claims: options.claims,
      issued,
      expires: issued + MAX_CARD_LIFETIME_SECONDS,
    },
    root,
    key,
    components.crypto,
  )
  await writeFileAtomic(folder.card, bytes)
  return { folder, identity: { key, card: statement, cardBytes: bytes } }
}

export async function loadOperatorIdentity(
  folder: DataFolder,
  crypto: Crypto,
): Promise<OperatorIdentity> {
  const key = await loadSigningKey(folder.signingKey)
  const { card, cardBytes } = await loadOwnCard(folder, crypto)
  if (!card.body.keys.includes(key.publicKey)) {
    throw new ConfigError(
      'bad-value',
      `${folder.card} does not list the key in ${folder.signingKey}: restore both from one backup`,
    )
  }
  return { key, card, cardBytes }
}

/** The card in its file, verified; needs no key. */
export async function loadOwnCard(
  folder: Pick<DataFolder, 'card'>,
  crypto: Crypto,
): Promise<Omit<OperatorIdentity, 'key'>> {
  const cardBytes = await readFile(folder.card).catch((cause: unknown) => {
    throw new ConfigError(
      'no-data-folder',
      `${folder.card} cannot be read: restore it from a backup`,
      {
        cause,
      },
    )
  })
  const damaged = (why: string, cause?: unknown): ConfigError =>
    new ConfigError(
      'bad-value',
      `${folder.card} is damaged (${why}): restore it from a backup`,
      cause === undefined ? {} : { cause },
    )
  let card: SignedStatement
  try {
    card = openStatement(cardBytes, crypto)
  } catch (error) {
    if (error instanceof StatementError) throw damaged(error.message, error)
    throw error
  }
  if (!isCard(card)) throw damaged(`it holds a ${card.body.kind} statement`)
  return { card, cardBytes }
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
