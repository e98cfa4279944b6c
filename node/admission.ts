/**
 * What the network may put into the store.
 *
 * Whoever is named by the user is stored without a quota. Strangers who sign statements about a
 * followed project get a little room, or the network would be free storage for everyone.
 */
import type { Crypto } from '../protocol/crypto.ts'
import type { ImageName, KeyHex, OperatorId, Sid } from '../protocol/identifiers.ts'
import { checkRebuildAgainstRelease } from '../protocol/rebuild-check.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import type { Release } from '../protocol/release.ts'
import { StatementError } from '../protocol/statement-error.ts'
import type { SignedStatement, StatementBody, StatementKind } from '../protocol/statement.ts'
import { toHex } from '../protocol/bytes.ts'
import type { Acceptance, Admission, SignerStanding } from './network/admission.ts'
import type { Signers } from './signers.ts'
import { messageHash } from './store/statement-record.ts'
import type { Store } from './store/store.ts'
import { StoreError } from './store/store-error.ts'

/** Statements of strangers that are kept, for all projects together. */
const MAX_STRANGER_STATEMENTS = 2_000
/** Message hashes remembered, so that a copy costs one look-up. */
const MAX_KNOWN_MESSAGES = 50_000
const MAX_KNOWN_VOTERS = 10_000
const MAX_KNOWN_RELEASES = 1_000
/** Some 400 bytes each: nine votes for a release come from nine logs, with all others between them. */
const MAX_FITTING = 20_000

export interface StoreAdmissionComponents {
  readonly store: Store
  readonly crypto: Crypto
  readonly signers: Signers
  /** Images of followed projects. */
  readonly images: () => readonly ImageName[]
  readonly wanted: () => ReadonlySet<OperatorId>
  /** Called once for each statement that is stored. */
  readonly stored: (statement: SignedStatement, bytes: Uint8Array) => void
}

export class StoreAdmission implements Admission {
  readonly #components: StoreAdmissionComponents
  readonly #messages = new Set<string>()
  #strangers = 0
  /** What rebuilds named lately: votes for one release come together, and a sid never means another. */
  readonly #released = new Map<Sid, StatementBody>()
  /** What of a vote must fit its release, of votes that did; the oldest come first. */
  readonly #fitting = new Set<string>()
  /** Of signers that were found to have voted, the images: their other statements need not be read. */
  readonly #voted = new Map<KeyHex, Set<ImageName>>()

  constructor(components: StoreAdmissionComponents) {
    this.#components = components
  }

  isKnownMessage(messageHash: string): boolean {
    return this.#messages.has(messageHash)
  }

  async kindOf(sid: Sid): Promise<StatementKind | undefined> {
    return (await this.#components.store.statements.get(sid))?.statement.body.kind
  }

  async admitsSigner(key: KeyHex, statement: SignedStatement): Promise<SignerStanding> {
    const { signers, wanted, images, store } = this.#components
    const { body } = statement
    if (body.kind === 'operator') {
      // Anybody can write a wanted operator's id into a later card: it must follow one that is here.
      return wanted().has(body.operator) && signers.isLinked(body) ? 'known' : 'unknown'
    }
    const operator = signers.operatorOf(key)
    if (operator !== undefined && wanted().has(operator)) return 'known'
    if (!images().includes(body.image)) return 'unknown'
    const voted = this.#voted.get(key) ?? new Set()
    if (!voted.has(body.image)) {
      const earlier = await store.statements.ofKey(key)
      if (!earlier.some((s) => s.body.kind === 'rebuild' && s.body.image === body.image)) {
        return 'unknown'
      }
      if (this.#voted.size >= MAX_KNOWN_VOTERS) this.#voted.clear()
      this.#voted.set(key, voted.add(body.image))
    }
    return 'known'
  }

  async accept(statement: SignedStatement, bytes: Uint8Array): Promise<Acceptance> {
    const { body } = statement
    if (body.kind === 'rebuild' && (await this.#contradictsRelease(body))) return 'mismatch'
    const known = (await this.admitsSigner(statement.key, statement)) === 'known'
    if (known) return this.#put(statement, bytes)
    if (this.#strangers >= MAX_STRANGER_STATEMENTS) return 'over-quota'
    // Counted before it is stored: several may be on their way at once.
    this.#strangers++
    let acceptance: Acceptance | undefined
    try {
      return (acceptance = await this.#put(statement, bytes))
    } finally {
      if (acceptance !== 'stored') this.#strangers--
    }
  }

  async #put(statement: SignedStatement, bytes: Uint8Array): Promise<Acceptance> {
    const { store, crypto } = this.#components
    try {
      const outcome = await store.statements.put(bytes, { opened: statement })
      this.#remember(toHex(messageHash(bytes, crypto)))
      if (outcome === 'known') return 'duplicate'
    } catch (error) {
      if (
        error instanceof StoreError &&
        (error.code === 'read-only' || error.code === 'disk-full')
      ) {
        return 'read-only'
      }
      throw error
    }
    this.#components.stored(statement, bytes)
    return 'stored'
  }

  async #contradictsRelease(rebuild: Rebuild): Promise<boolean> {
    const { release: sid, image, commit, platform, publishedDigest = '', inputDigest } = rebuild
    const fit = `${sid} ${image} ${commit} ${platform} ${publishedDigest} ${inputDigest}`
    if (this.#fitting.has(fit)) return false
    const named = this.#released.get(rebuild.release) ?? (await this.#read(rebuild.release))
    // An unknown release: kept and not tallied until it comes.
    if (named === undefined) return false
    if (named.kind !== 'release') return true
    const release: Release = named
    try {
      checkRebuildAgainstRelease(rebuild, release, this.#components.crypto)
      this.#rememberFitting(fit)
      return false
    } catch (error) {
      if (error instanceof StatementError) return true
      throw error
    }
  }

  async #read(sid: Sid): Promise<StatementBody | undefined> {
    const body = (await this.#components.store.statements.get(sid))?.statement.body
    if (body === undefined) return undefined
    if (this.#released.size >= MAX_KNOWN_RELEASES) this.#released.clear()
    this.#released.set(sid, body)
    return body
  }

  #rememberFitting(fit: string): void {
    this.#fitting.add(fit)
    const [oldest] = this.#fitting
    if (oldest !== undefined && this.#fitting.size > MAX_FITTING) this.#fitting.delete(oldest)
  }

  #remember(messageHash: string): void {
    if (this.#messages.size >= MAX_KNOWN_MESSAGES) this.#messages.clear()
    this.#messages.add(messageHash)
  }
}
