/**
 * The keys of a node as one file, and a data folder made from it.
 *
 * What is needed to go on as the same operator: the signing key, the card that lists it, and the
 * number of the newest log under it; the root key where it is asked for. Everything in the file
 * proves itself (the card is signed and names the keys), so a backup is checked when it is made and
 * again before anything of it is written. A key that is here is never overwritten.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { z } from 'zod'
import { parseBase64, parseHex, toBase64, toHex, utf8, decodeUtf8 } from '../protocol/bytes.ts'
import type { Crypto } from '../protocol/crypto.ts'
import { openStatement } from '../protocol/open-statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import { StatementError } from '../protocol/statement-error.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { readBoundedFile } from './bounded-file.ts'
import { openText, sealText } from './crypto/sealed-text.ts'
import { KeyError, readSeed, SigningKey } from './crypto/signing-key.ts'
import { createDataFolder, type DataFolder } from './data-folder.ts'
import { loadOwnCard, loadOperatorIdentity } from './operator-identity.ts'
import { loadOriginMark, writeOriginMark } from './log/origin-mark.ts'

const MAGIC = 'rebuildnet-key-backup/1'
/** Far more than a card and two keys. */
const MAX_BACKUP_BYTES = 256 * 1024
const MIN_PASSPHRASE_CHARACTERS = 12
const MIN_DIFFERENT_CHARACTERS = 6

const seed = z.string().regex(/^[0-9a-f]{64}$/)
const schema = z.strictObject({
  /** Seed of the signing key, 64 hex digits. */
  signingKey: seed,
  /** The card's canonical binary statement, in base64. */
  card: z.string(),
  /** Number of the newest log that was opened under the key; null where none was. */
  log: z.int().min(0).max(99_999).nullable(),
  /** Seed of the raw root key; null where it was left out, or is an SSH key. */
  rootKey: seed.nullable(),
})

export interface KeyBackup {
  readonly signingKey: SigningKey
  readonly card: OperatorCard
  readonly hasRootKey: boolean
}

interface ParsedBackup extends KeyBackup {
  readonly content: z.output<typeof schema>
  readonly cardBytes: Uint8Array
}

/** Why a passphrase protects nothing, as the end of "the passphrase …"; undefined where it may do. */
export function weakness(passphrase: string): string | undefined {
  const characters = Array.from(passphrase)
  if (characters.length < MIN_PASSPHRASE_CHARACTERS) {
    return `has fewer than ${MIN_PASSPHRASE_CHARACTERS} characters`
  }
  if (new Set(characters).size < MIN_DIFFERENT_CHARACTERS) {
    return `has fewer than ${MIN_DIFFERENT_CHARACTERS} different characters`
  }
  return undefined
}

export interface BackupOptions {
  /** Where to; a file that is there is never overwritten. */
  readonly file: string
  /** Absent: not encrypted. */
  readonly passphrase: string | undefined
  readonly withRoot: boolean
}

/** Writes the backup (0600), reads it again and returns what it holds. Throws KeyError. */
export async function backUpKeys(
  folder: DataFolder,
  { file, passphrase, withRoot }: BackupOptions,
  crypto: Crypto,
): Promise<KeyBackup> {
  const { card, cardBytes } = await loadOwnCard(folder, crypto)
  // Finishes a rotation that was cut off, and says so where card and key do not belong together.
  const { key } = await loadOperatorIdentity(folder, crypto)
  const own = { operator: card.body.operator, key: key.publicKey }
  const content: z.output<typeof schema> = {
    signingKey: toHex(await readSeed(folder.signingKey)),
    card: toBase64(cardBytes),
    log: (await loadOriginMark(folder.logMark, own)) ?? null,
    rootKey: withRoot ? await readRoot(folder, card.body) : null,
  }
  const options = { magic: MAGIC, passphrase }
  const text = await sealText(utf8(JSON.stringify(content)), options)
  const handle = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    const message = exists ? 'is here already and is not overwritten' : (cause as Error).message
    throw new KeyError(exists ? 'key-exists' : 'key-inaccessible', file, message, cause)
  })
  try {
    await handle.writeFile(text)
    await handle.sync()
    return await openBackup(file, passphrase, crypto)
  } catch (error) {
    // Half a backup is worse than none.
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

async function readRoot(folder: DataFolder, { rootKey }: OperatorCard): Promise<string> {
  if (rootKey.type !== 'ed25519') {
    const message = 'the root key is an SSH key: back it up as one, and leave out --with-root'
    throw new KeyError('key-missing', folder.rootPublic, message)
  }
  const bytes = await readSeed(folder.rootKey).catch((error: unknown) => {
    if (!(error instanceof KeyError) || error.code !== 'key-missing') throw error
    const message = 'is kept elsewhere: put it here for the backup, or leave out --with-root'
    throw new KeyError('key-missing', folder.rootKey, message, error)
  })
  return toHex(bytes)
}

/** Whether the backup in `file` asks for a passphrase. Throws KeyError where it is no backup. */
export async function needsPassphrase(file: string): Promise<boolean> {
  const opened = await openText(await readBackup(file), { magic: MAGIC, passphrase: undefined })
  if (opened.kind === 'malformed') throw malformed(file)
  return opened.kind === 'passphrase-needed'
}

/**
 * Makes a data folder from a backup: keys and card, fresh configuration, an empty store. Nothing of
 * an operator that is here is overwritten; the same backup may be restored again after a try that
 * was cut off. Throws KeyError, or ConfigError where the folder is one already.
 */
export async function restoreKeys(
  root: string,
  { file, passphrase }: Pick<BackupOptions, 'file' | 'passphrase'>,
  crypto: Crypto,
): Promise<KeyBackup & { readonly folder: DataFolder }> {
  const backup = await openBackup(file, passphrase, crypto)
  const { content, card, cardBytes, signingKey } = backup
  const folder = await createDataFolder(root)
  const parts: (readonly [path: string, bytes: Uint8Array])[] = [[folder.card, cardBytes]]
  if (content.rootKey !== null) parts.push([folder.rootKey, utf8(`${content.rootKey}\n`)])
  else if (card.rootKey.type !== 'ed25519') {
    parts.push([folder.rootPublic, utf8(`${card.rootKey.type} ${card.rootKey.key}\n`)])
  }
  for (const [path, bytes] of parts) await refuseOther(path, bytes)
  for (const [path, bytes] of parts) await writeFileAtomic(path, bytes)
  // The store of before is gone: without the number, a log that others hold the end of would begin
  // again. With it, a new one is opened behind the old, once a peer has said what it knows.
  const own = { operator: card.operator, key: signingKey.publicKey }
  const here = await loadOriginMark(folder.logMark, own)
  await writeOriginMark(folder.logMark, own, Math.max(content.log ?? 0, here ?? 0))
  // The signing key makes it a data folder, so it comes last.
  const next = `${folder.signingKey}.restored`
  await writeFileAtomic(next, `${content.signingKey}\n`)
  await rename(next, folder.signingKey)
  return { ...backup, folder }
}

async function refuseOther(path: string, bytes: Uint8Array): Promise<void> {
  const before = await readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  if (before === undefined || Buffer.compare(before, bytes) === 0) return
  throw new KeyError('key-exists', path, 'is of another operator, and is not overwritten')
}

async function openBackup(
  file: string,
  passphrase: string | undefined,
  crypto: Crypto,
): Promise<ParsedBackup> {
  const opened = await openText(await readBackup(file), { magic: MAGIC, passphrase })
  if (opened.kind === 'malformed') throw malformed(file)
  if (opened.kind === 'passphrase-needed') {
    throw new KeyError('backup-locked', file, 'is encrypted: its passphrase is needed')
  }
  if (opened.kind === 'not-opened') {
    throw new KeyError('backup-locked', file, 'the passphrase is wrong, or the file is damaged')
  }
  return parseContent(file, opened.content, crypto)
}

async function readBackup(file: string): Promise<string> {
  const bytes = await readBoundedFile(
    file,
    MAX_BACKUP_BYTES,
    (reason, cause) => new KeyError('key-inaccessible', file, reason, cause),
  )
  return decodeUtf8(bytes) ?? ''
}

function parseContent(file: string, bytes: Uint8Array, crypto: Crypto): ParsedBackup {
  const content = readContent(bytes)
  const signing = parseHex(content?.signingKey ?? '')
  const cardBytes = parseBase64(content?.card ?? '')
  if (content === undefined || signing === undefined || cardBytes === undefined) {
    throw malformed(file)
  }
  const signingKey = new SigningKey(signing)
  const card = readCard(file, cardBytes, crypto)
  if (!card.keys.includes(signingKey.publicKey)) throw malformed(file)
  if (content.rootKey !== null) {
    const root = new SigningKey(parseHex(content.rootKey) ?? new Uint8Array())
    if (root.publicKey !== card.rootKey.key) {
      throw new KeyError(
        'backup-malformed',
        file,
        'holds a root key that is not the one of its card',
      )
    }
  }
  return { content, cardBytes, signingKey, card, hasRootKey: content.rootKey !== null }
}

function readContent(bytes: Uint8Array): z.output<typeof schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(decodeUtf8(bytes) ?? '')).data
  } catch {
    return undefined
  }
}

function readCard(file: string, bytes: Uint8Array, crypto: Crypto): OperatorCard {
  try {
    const { body } = openStatement(bytes, crypto)
    if (body.kind === 'operator') return body
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
  }
  throw malformed(file)
}

function malformed(file: string): KeyError {
  return new KeyError(
    'backup-malformed',
    file,
    'is no whole backup of this rebuildnet: "rebuildnet key backup FILE" makes one',
  )
}
