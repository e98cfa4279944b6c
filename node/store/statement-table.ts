/**
 * The statements, and every question that their indexes answer.
 *
 * One batch holds a statement, its index entries and the counts, so that a crash leaves all of it
 * or nothing. What is read is verified again; what is damaged is an error that names the statement,
 * never a gap: evidence that silently went missing could turn a deny into an allow.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Commitment } from '../../protocol/blind/commitment.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import type { Digest, ImageName, InputDigest, KeyHex, Sid } from '../../protocol/identifiers.ts'
import { parsePayload } from '../../protocol/in-toto.ts'
import { isOpenedFrom } from '../../protocol/open-statement.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release, SignedOutline } from '../../protocol/release.ts'
import { sidOf } from '../../protocol/sid.ts'
import type { SignedStatement, StatementKind } from '../../protocol/statement.ts'
import type { Withdrawal } from '../../protocol/withdrawal.ts'
import { parseChecked } from './checked.ts'
import { findDamagedStatements } from './damaged-statements.ts'
import type { Database, Operation, ScanOptions } from './database.ts'
import {
  imageRange,
  inputRange,
  lastSid,
  namedRange,
  publishedRange,
  rangeIn,
  sidPrefixRange,
  signerRange,
  SID_BYTES,
  statementKey,
  versionRange,
  type IndexTable,
  type KeyRange,
} from './keys.ts'
import { addToLedger } from './ledger.ts'
import { StatementCache } from './statement-cache.ts'
import { encodeStatementRecord, parseStatementRecord } from './statement-record.ts'
import { Revisions } from './revisions.ts'
import { CARDS_IMAGE, imageOf, indexEntries } from './statement-indexes.ts'
import { removeStatements } from './removal.ts'
import { readOutlines } from './release-outlines.ts'
import { damagedIndex, StoreError } from './store-error.ts'
import type { Writer } from './writer.ts'

/** Verifies and parses; throws StatementError. */
export type OpenStatement = (bytes: Uint8Array) => SignedStatement

export interface StatementTableComponents {
  readonly database: Database
  readonly writer: Writer
  readonly open: OpenStatement
  readonly crypto: Crypto
}

export interface StoredStatement {
  readonly statement: SignedStatement
  /** The canonical binary form, as it was received. */
  readonly bytes: Uint8Array
}

export interface PutStatementOptions {
  /** On the disk before this resolves. For our own statements, before anybody is told of them. */
  readonly sync?: boolean
  /**
   * What the caller has opened from these very bytes, signature and all: it is not verified again.
   * That it is of these bytes is checked.
   */
  readonly opened?: SignedStatement
  /** Record changes that are written in the same batch. */
  readonly along?: readonly Operation[]
}

interface BodyOfKind {
  readonly release: Release
  readonly rebuild: Rebuild
  readonly commitment: Commitment
  readonly withdrawal: Withdrawal
  readonly operator: OperatorCard
}

const READ_CHUNK = 256
const MAX_PREFIX_MATCHES = 16

export class StatementTable {
  readonly #components: StatementTableComponents
  readonly #cache = new StatementCache()
  /** Statements on their way in; a second copy of one waits for the first. */
  readonly #arriving = new Map<Sid, Promise<'stored' | 'known'>>()
  readonly #revisions = new Revisions()

  constructor(components: StatementTableComponents) {
    this.#components = components
  }

  /** Opens and stores. Throws StatementError where the bytes are no valid statement. */
  async put(bytes: Uint8Array, options: PutStatementOptions = {}): Promise<'stored' | 'known'> {
    const statement = this.#openedFrom(bytes, options.opened)
    const earlier = this.#arriving.get(statement.sid)
    if (earlier !== undefined) {
      await earlier
      return this.#known(options)
    }
    const arriving = this.#store(statement, bytes, options)
    this.#arriving.set(statement.sid, arriving)
    try {
      return await arriving
    } finally {
      this.#arriving.delete(statement.sid)
    }
  }

  async has(sid: Sid): Promise<boolean> {
    return (await this.#components.database.get(statementKey(sid))) !== undefined
  }

  /** Undefined where it is not here; StoreError `corrupt` where it is damaged. */
  async get(sid: Sid): Promise<StoredStatement | undefined> {
    const value = await this.#components.database.getSoon(statementKey(sid))
    return value === undefined ? undefined : this.#read(sid, value)
  }

  /** Their canonical binary form, for others: in this order, undefined for what is not here. */
  async messages(sids: readonly Sid[]): Promise<readonly (Uint8Array | undefined)[]> {
    const { database, crypto } = this.#components
    const values = await database.getMany(sids.map(statementKey))
    return sids.map((sid, i) => {
      const value = values[i]
      if (value === undefined) return undefined
      const record = parseStatementRecord(statementKey(sid), value, crypto)
      if (record === undefined) throw this.#damaged(sid, 'is damaged')
      return record.bytes
    })
  }

  /** Those of these that are here, in their order; StoreError `corrupt` where one is damaged. */
  async present(sids: readonly Sid[]): Promise<readonly StoredStatement[]> {
    const found: StoredStatement[] = []
    for (let i = 0; i < sids.length; i += READ_CHUNK) {
      const piece = sids.slice(i, i + READ_CHUNK)
      const values = await this.#components.database.getMany(piece.map(statementKey))
      for (const [j, sid] of piece.entries()) {
        const value = values[j]
        if (value !== undefined) found.push(this.#read(sid, value))
      }
    }
    return found
  }

  ofImage<K extends StatementKind>(
    image: ImageName,
    kind: K,
  ): Promise<readonly SignedStatement<BodyOfKind[K]>[]>
  ofImage(image: ImageName): Promise<readonly SignedStatement[]>
  async ofImage(image: ImageName, kind?: StatementKind): Promise<readonly SignedStatement[]> {
    return this.#load(await this.#sidsInKeys('byImage', imageRange(image, kind)))
  }

  /** What a verdict must know of every release of an image. */
  outlines(image: ImageName): Promise<readonly SignedOutline[]> {
    return readOutlines(this.#components.database, image)
  }

  /** Every operator card, in the order of their sids. */
  async cards(): Promise<readonly SignedStatement<OperatorCard>[]> {
    return this.ofImage(CARDS_IMAGE, 'operator')
  }

  /**
   * Changes when more of these kinds of statements about an image is stored: what was read before
   * that may be kept until then. Cards have the empty name.
   */
  revisionOf(image: ImageName, ...kinds: readonly StatementKind[]): string {
    return this.#revisions.of(image, kinds)
  }

  /** Everything may be different now. */
  forgetRevisions(): void {
    this.#revisions.clear()
  }

  /** Rebuilds and commitments of one build input, whatever release and image they name. */
  async ofInput(input: InputDigest): Promise<readonly SignedStatement<Rebuild | Commitment>[]> {
    const sids = await this.#sidsInKeys('byInput', inputRange(input))
    return (await this.#load(sids)) as SignedStatement<Rebuild | Commitment>[]
  }

  async rebuildsOf(release: Sid): Promise<readonly SignedStatement<Rebuild>[]> {
    const sids = await this.#sidsInKeys('named', namedRange(release, 'rebuilds'))
    return (await this.#load(sids)) as SignedStatement<Rebuild>[]
  }

  async withdrawalsOf(sid: Sid): Promise<readonly SignedStatement<Withdrawal>[]> {
    const sids = await this.#sidsInKeys('named', namedRange(sid, 'withdraws'))
    return (await this.#load(sids)) as SignedStatement<Withdrawal>[]
  }

  /** Whatever rebuilds, withdraws, supersedes or publishes this statement; each once. */
  async namedBy(sid: Sid): Promise<readonly SignedStatement[]> {
    const sids = await this.#sidsInKeys('named', namedRange(sid))
    return this.#load([...new Set(sids)])
  }

  /** What one key signed, in the order in which it came: of our own key, the order of publication. */
  async ofKey(key: KeyHex): Promise<readonly SignedStatement[]> {
    return this.#load(await this.#sidsInValues('byKey', signerRange(key)))
  }

  /** The newest arrivals, newest first. */
  async recent(limit: number): Promise<readonly SignedStatement[]> {
    const range = rangeIn('byArrival')
    return this.#load(await this.#sidsInValues('byArrival', range, { reverse: true, limit }))
  }

  /** Releases with this version; several where announcers differ or digests were added later. */
  async releaseBy(image: ImageName, version: string): Promise<readonly SignedStatement<Release>[]> {
    const sids = await this.#sidsInKeys('byVersion', versionRange(image, version))
    const releases = (await this.#load(sids)) as SignedStatement<Release>[]
    return releases.filter(({ body }) => body.version === version)
  }

  /** Releases that published this manifest, and rebuilds that were held against it. */
  async byPublishedDigest(digest: Digest): Promise<readonly SignedStatement<Release | Rebuild>[]> {
    const sids = await this.#sidsInKeys('byPublished', publishedRange(digest))
    return (await this.#load(sids)) as SignedStatement<Release | Rebuild>[]
  }

  /** The sids of these images' statements, sorted; with `cards`, those of all cards too. */
  async sids(
    images: readonly ImageName[],
    options: { readonly cards?: boolean } = {},
  ): Promise<readonly Sid[]> {
    const names = new Set([...images, ...(options.cards === true ? [CARDS_IMAGE] : [])])
    const found = await Promise.all(
      [...names].map((image) => this.#sidsInKeys('byImage', imageRange(image))),
    )
    return found.flat().sort()
  }

  /** Sids that begin with these lowercase hex digits, sorted, at most 16 of them. */
  async findBySidPrefix(prefix: string): Promise<readonly Sid[]> {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return []
    const range = sidPrefixRange(prefix)
    const limit = { limit: MAX_PREFIX_MATCHES }
    const entries = await this.#components.database.entries(range, limit)
    return entries.map(([key]) => lastSid(key))
  }

  /** Opens every statement anew, signature and all; the sids of those that are not whole. */
  findDamaged(signal?: AbortSignal): Promise<readonly Sid[]> {
    return findDamagedStatements(this.#components, signal)
  }

  /** Every statement that is whole, in the order of their sids; what is damaged is an error. */
  async *all(): AsyncGenerator<SignedStatement> {
    for await (const piece of this.#components.database.scan(rangeIn('statement'))) {
      for (const [key, value] of piece) yield this.#read(lastSid(key), value).statement
    }
  }

  /** Takes these out, on the disk when this resolves; damaged ones stay. Whoever remembers them must be told. */
  async remove(sids: readonly Sid[]): Promise<void> {
    const { database, writer, crypto } = this.#components
    await writer.exclusive(async (before) => {
      const { removed, ledger } = await removeStatements({ database, crypto }, sids, before)
      for (const statement of removed) {
        this.#cache.delete(statement.sid)
        this.#revisions.raise(imageOf(statement), statement.body.kind)
      }
      return ledger
    })
  }

  count(): number {
    return this.#components.writer.ledger.statements
  }

  #openedFrom(bytes: Uint8Array, opened: SignedStatement | undefined): SignedStatement {
    const { crypto, open } = this.#components
    if (opened === undefined) return open(bytes)
    if (isOpenedFrom(opened, bytes)) return opened
    if (sidOf(parseEnvelope(bytes), crypto) !== opened.sid) {
      throw new Error('a statement was handed over with the bytes of another')
    }
    return opened
  }

  async #store(
    statement: SignedStatement,
    bytes: Uint8Array,
    options: PutStatementOptions,
  ): Promise<'stored' | 'known'> {
    const { database, writer, crypto } = this.#components
    const { sid } = statement
    const key = statementKey(sid)
    const found = await database.getSoon(key)
    const old = found === undefined ? undefined : parseStatementRecord(key, found, crypto)
    if (old !== undefined) return this.#known(options)
    await writer.submit((operations, ledger) => {
      const arrival = ledger.nextArrival
      const value = encodeStatementRecord(sid, { arrival, bytes }, crypto)
      const entries = indexEntries(statement, arrival)
      operations.push({ type: 'put', key, value }, ...(options.along ?? []))
      for (const entry of entries) {
        operations.push({ type: 'put', key: entry.key, value: entry.value })
      }
      return addToLedger(ledger, entries, found === undefined ? 'new' : 'replacement')
    }, options.sync ?? false)
    // A copy: the statement that was opened holds the bytes that it was opened from.
    this.#cache.add({ ...statement })
    this.#revisions.raise(imageOf(statement), statement.body.kind)
    return 'stored'
  }

  /** It is here already; what else the caller asked for is still due. */
  async #known({ sync = false, along = [] }: PutStatementOptions): Promise<'known'> {
    if (!sync && along.length === 0) return 'known'
    // A synced batch takes everything before it in the journal to the disk with it.
    await this.#components.writer.submit((operations, ledger) => {
      operations.push(...along)
      return ledger
    }, sync)
    return 'known'
  }

  async #load(sids: readonly Sid[]): Promise<SignedStatement[]> {
    const statements: SignedStatement[] = []
    for (let i = 0; i < sids.length; i += READ_CHUNK) {
      const piece = sids.slice(i, i + READ_CHUNK)
      const values = await this.#components.database.getMany(piece.map(statementKey))
      for (const [j, sid] of piece.entries()) {
        const value = values[j]
        if (value === undefined) throw this.#damaged(sid, 'is in an index and not in the store')
        statements.push(this.#read(sid, value).statement)
      }
    }
    return statements
  }

  #read(sid: Sid, value: Uint8Array): StoredStatement {
    const { crypto } = this.#components
    const record = parseStatementRecord(statementKey(sid), value, crypto)
    if (record === undefined) throw this.#damaged(sid, 'is damaged')
    const { bytes } = record
    const cached = this.#cache.get(sid)
    if (cached !== undefined) return { statement: cached, bytes }
    const { publicKey, payload } = parseEnvelope(bytes)
    const key = toHex(publicKey)
    try {
      const statement: SignedStatement = { sid, key, body: parsePayload(payload, key, crypto) }
      this.#cache.add(statement)
      return { statement, bytes }
    } catch (error) {
      throw this.#damaged(sid, 'is not one that this rebuildnet reads', error)
    }
  }

  #damaged(sid: Sid, what: string, cause?: unknown): StoreError {
    const { directory } = this.#components.database
    const advice = '"rebuildnet fsck --reindex" sets it aside, and peers send it again'
    return new StoreError('corrupt', `statement ${sid} ${what} (${directory}): ${advice}`, {
      sid,
      cause,
    })
  }

  async #sidsInKeys(table: IndexTable, range: KeyRange): Promise<Sid[]> {
    const sids: Sid[] = []
    for await (const entries of this.#components.database.scan(range)) {
      for (const [key, value] of entries) {
        if (parseChecked(key, value)?.length !== 0)
          throw damagedIndex(table, this.#components.database.directory)
        sids.push(lastSid(key))
      }
    }
    return sids
  }

  async #sidsInValues(table: IndexTable, range: KeyRange, options?: ScanOptions): Promise<Sid[]> {
    const sids: Sid[] = []
    for await (const entries of this.#components.database.scan(range, options)) {
      for (const [key, value] of entries) {
        const payload = parseChecked(key, value)
        if (payload?.length !== SID_BYTES)
          throw damagedIndex(table, this.#components.database.directory)
        sids.push(toHex(payload))
      }
    }
    // What replaced a damaged copy arrived twice.
    return [...new Set(sids)]
  }
}
