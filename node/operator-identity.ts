/**
 * Who this node is: its signing key, and the operator card that says whose key it is.
 *
 * `init` makes a signing key, a root key or the line of an SSH key that is one, and a card of
 * version 1. The root key signs cards and nothing else: once the card is made it can be kept
 * elsewhere. A newer card takes the place of the one here, on the disk first; one that brings
 * another signing key (`rotate`) does so in three steps, each of which the next start can finish.
 */
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Crypto } from '../protocol/crypto.ts'
import { openStatement } from '../protocol/open-statement.ts'
import {
  encodeCard,
  MAX_CARD_LIFETIME_SECONDS,
  parseCardBytes,
  type OperatorCard,
} from '../protocol/operator-card.ts'
import { StatementError } from '../protocol/statement-error.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { finishDraft, prove } from './card-draft.ts'
import { unixSeconds, type Clock } from './clock.ts'
import { ConfigError } from './config-error.ts'
import {
  createSigningKey,
  KeyError,
  loadSigningKey,
  type SigningKey,
} from './crypto/signing-key.ts'
import { createDataFolder, type DataFolder } from './data-folder.ts'
import { openRootSigner, type RootSigner } from './root-signer.ts'

interface OwnCard {
  readonly card: SignedStatement<OperatorCard>
  /** The card as its canonical binary statement. */
  readonly cardBytes: Uint8Array
}

export class OperatorIdentity {
  readonly key: SigningKey
  readonly #file: string
  #own: OwnCard
  #adopting: Promise<void> = Promise.resolve()

  constructor(folder: Pick<DataFolder, 'card'>, key: SigningKey, own: OwnCard) {
    this.key = key
    this.#file = folder.card
    this.#own = own
  }

  get card(): SignedStatement<OperatorCard> {
    return this.#own.card
  }

  get cardBytes(): Uint8Array {
    return this.#own.cardBytes
  }

  /** Whether `card` is a newer one of this operator that still lists the key here. */
  isNewer({ body }: SignedStatement<OperatorCard>): boolean {
    const { operator, version } = this.card.body
    return (
      body.operator === operator && body.version > version && body.keys.includes(this.key.publicKey)
    )
  }

  /** Puts a newer card in the place of the one here; the one that is here already stays. */
  adopt(own: OwnCard): Promise<void> {
    // One after the other: a card may come by hand and from the network at once.
    const done = this.#adopting.then(() => this.#replace(own))
    this.#adopting = done.catch(() => undefined)
    return done
  }

  async #replace(own: OwnCard): Promise<void> {
    if (own.card.body.cardDigest === this.card.body.cardDigest) return
    if (!this.isNewer(own.card)) {
      throw new ConfigError(
        'refused',
        `this is no newer card of ${this.card.body.operator} that lists the key of this node`,
      )
    }
    await writeFileAtomic(this.#file, own.cardBytes)
    this.#own = own
  }
}

export interface InitOptions {
  readonly folder: string
  readonly name: string
  readonly contact: string
  /** What the operator says of where it runs (`country`, `provider`…). */
  readonly claims: Readonly<Record<string, string>>
  /** A file with an SSH key that is to be the root key; a raw one is made where absent. */
  readonly sshRoot?: string
}

export async function initDataFolder(
  components: { readonly crypto: Crypto; readonly clock: Clock },
  options: InitOptions,
): Promise<{ readonly folder: DataFolder; readonly identity: OperatorIdentity }> {
  // Before anything is made: a key that cannot sign must not leave half a folder behind.
  const given = options.sshRoot === undefined ? undefined : await openRootSigner(options.sshRoot)
  if (given?.rootKey.type === 'ed25519') {
    throw new ConfigError('bad-value', `${given.file} is a raw key, not an SSH key`)
  }
  const folder = await createDataFolder(options.folder)
  const made: string[] = []
  const make = async (file: string): Promise<SigningKey> => {
    const key = await createSigningKey(file)
    made.push(file)
    return key
  }
  try {
    if (given === undefined) await make(folder.rootKey)
    else await writeFileAtomic(folder.rootPublic, `${given.rootKey.type} ${given.rootKey.key}\n`)
    const root = given ?? (await openRootSigner(folder.rootKey))
    // Of a try that was cut off: no card ever listed it.
    await rm(folder.nextSigningKey, { force: true })
    const key = await make(folder.nextSigningKey)
    const own = await firstCard(components, options, key, root)
    await writeFileAtomic(folder.card, own.cardBytes)
    // The signing key makes it a data folder, so it comes last.
    await rename(folder.nextSigningKey, folder.signingKey)
    return { folder, identity: new OperatorIdentity(folder, key, own) }
  } catch (error) {
    // An SSH key that does not sign after all must not stand in the way of the next try.
    for (const file of made) await rm(file, { force: true })
    throw error
  }
}

async function firstCard(
  { crypto, clock }: { readonly crypto: Crypto; readonly clock: Clock },
  { name, contact, claims }: InitOptions,
  key: SigningKey,
  root: RootSigner,
): Promise<OwnCard> {
  const issued = unixSeconds(clock)
  const bytes = encodeCard({
    name,
    contact,
    claims,
    rootKey: root.rootKey,
    keys: [key.publicKey],
    issued,
    expires: issued + MAX_CARD_LIFETIME_SECONDS,
  })
  const draft = { bytes, card: parseCardBytes(bytes, crypto), proofs: { keys: {} } }
  const proven = await prove(draft, { keys: [key], roots: [root] })
  const { bytes: cardBytes, statement: card } = finishDraft(proven, key, crypto)
  return { card, cardBytes }
}

/** A folder for a second node of an operator: a key, and no card until the operator lists it. */
export async function joinDataFolder(root: string): Promise<{
  readonly folder: DataFolder
  readonly key: SigningKey
}> {
  const folder = await createDataFolder(root)
  return { folder, key: await createSigningKey(folder.signingKey) }
}

/** Puts a card that lists the new signing key in place, then the key; the old one is kept aside. */
export async function rotateSigningKey(folder: DataFolder, cardBytes: Uint8Array): Promise<void> {
  await writeFileAtomic(folder.card, cardBytes)
  await finishRotation(folder)
}

async function finishRotation(folder: DataFolder): Promise<void> {
  await retire(folder.signingKey)
  await rename(folder.nextSigningKey, folder.signingKey)
}

/** Once a card with another root key is in force: puts that key, or its line, in the old one's place. */
export async function settleRootKey(
  folder: DataFolder,
  { rootKey }: Pick<OperatorCard, 'rootKey'>,
): Promise<void> {
  if (rootKey.type !== 'ed25519') {
    await writeFileAtomic(folder.rootPublic, `${rootKey.type} ${rootKey.key}\n`)
    return
  }
  const next = await loadSigningKey(folder.nextRootKey).catch(() => undefined)
  if (next?.publicKey !== rootKey.key) return
  await retire(folder.rootKey)
  await rename(folder.nextRootKey, folder.rootKey)
}

/** Keeps a key aside, by the name of its public part; where there is none, nothing is to be kept. */
async function retire(file: string): Promise<void> {
  const old = await loadSigningKey(file).catch((error: unknown) => {
    if (error instanceof KeyError && error.code === 'key-missing') return undefined
    throw error
  })
  if (old === undefined) return
  const folder = join(dirname(file), 'retired')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const name = `${basename(file, '.key')}-${old.publicKey.slice(0, 16)}.key`
  await writeFileAtomic(join(folder, name), await readFile(file))
}

export async function loadOperatorIdentity(
  folder: DataFolder,
  crypto: Crypto,
): Promise<OperatorIdentity> {
  const own = await loadOwnCard(folder, crypto)
  const { keys } = own.card.body
  let key = await loadSigningKey(folder.signingKey)
  if (!keys.includes(key.publicKey)) {
    const next = await loadSigningKey(folder.nextSigningKey).catch(() => undefined)
    if (next !== undefined && keys.includes(next.publicKey)) {
      await finishRotation(folder)
      key = next
    }
  }
  if (keys.includes(key.publicKey)) return new OperatorIdentity(folder, key, own)
  throw new ConfigError(
    'bad-value',
    `${folder.card} does not list the key in ${folder.signingKey}: restore both from one backup`,
  )
}

/** The card in its file, verified; needs no key. */
export async function loadOwnCard(
  folder: Pick<DataFolder, 'card'>,
  crypto: Crypto,
): Promise<OwnCard> {
  const cardBytes = await readFile(folder.card).catch((cause: unknown) => {
    const remedy =
      'restore it from a backup; after "operator join", take it with "rebuildnet operator import CARD"'
    throw new ConfigError('no-data-folder', `${folder.card} cannot be read: ${remedy}`, { cause })
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
