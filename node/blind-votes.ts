/**
 * Results of blind releases are promised first and said later: a commitment is published when the
 * build is done, the result when enough others are committed, when the image is out, or when a time
 * has passed. protocol/blind/README.md.
 *
 * The salt is on the disk before the commitment is anywhere: whoever has promised and cannot say what
 * would look like one that picks among its promises. What was interrupted goes on with `start`.
 */
import type { Commitment } from '../protocol/blind/commitment.ts'
import { MAX_AFTER } from '../protocol/blind/reveal.ts'
import { SALT_BYTES, voteHash } from '../protocol/blind/vote-hash.ts'
import { toHex } from '../protocol/bytes.ts'
import type { Crypto } from '../protocol/crypto.ts'
import type { ImageName, KeyHex, OperatorId, Platform, Sid } from '../protocol/identifiers.ts'
import { buildInputOf, inputDigestOf } from '../protocol/input-digest.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import type { Release } from '../protocol/release.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import { unixSeconds, type Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import { Turns } from './turns.ts'

/** A result that is promised and not said: as it is kept. */
export interface PromisedVote {
  readonly salt: string
  readonly commitment: Commitment
  readonly vote: Rebuild
}

interface PromiseTable {
  all(): Promise<readonly PromisedVote[]>
  put(name: string, value: PromisedVote, options: { readonly sync: boolean }): Promise<void>
  delete(name: string, options: { readonly sync: boolean }): Promise<void>
}

interface Statements {
  ofImage(image: ImageName, kind: 'commitment'): Promise<readonly SignedStatement<Commitment>[]>
  ofImage(image: ImageName, kind: 'release'): Promise<readonly SignedStatement<Release>[]>
  ofKey(key: KeyHex): Promise<readonly SignedStatement[]>
}

export interface BlindVotesComponents {
  readonly table: PromiseTable
  readonly statements: Statements
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly key: () => KeyHex
  readonly operatorOf: (key: KeyHex) => OperatorId | undefined
  /** Whether a statement stands in its signer's log. */
  readonly isLogged: (statement: SignedStatement, operator: OperatorId) => boolean
  /** The operators of the policy, and how many of them must agree about this image. */
  readonly trusted: (image: ImageName) => {
    readonly operators: ReadonlySet<OperatorId>
    readonly threshold: number
  }
  /** Signs, stores durably and logs, and only then tells the network. */
  readonly publish: (body: Rebuild | Commitment) => Promise<Sid>
  /** False while this node does not vote: what is promised waits, and is looked at again. */
  readonly mayVote: () => boolean
  readonly randomBytes: (length: number) => Uint8Array
  /** Calls `work` after so many milliseconds; returns what takes it back. */
  readonly later: (work: () => void, ms: number) => () => void
}

export interface BlindVotesOptions {
  /** False: results of blind releases are said at once. */
  readonly enabled: boolean
  /** A result is said after this time, whoever is committed. */
  readonly waitSeconds: number
  /** Once enough are committed, so long for others that are about to be. */
  readonly settleSeconds: number
  /** How many of the policy's operators must be committed; its threshold where absent. */
  readonly commitments?: number
}

/** How soon after something came that may matter it is looked at. */
const SOON_MS = 100
const RETRY_MS = 60_000

export class BlindVotes {
  readonly #components: BlindVotesComponents
  readonly #options: BlindVotesOptions
  readonly #promised = new Map<string, PromisedVote>()
  /** Hashes of commitments that are known to be published. */
  readonly #committed = new Set<string>()
  /** Since when enough are committed. */
  readonly #enough = new Map<string, number>()
  readonly #turns = new Turns()
  #cancel: (() => void) | undefined
  #started = false

  constructor(components: BlindVotesComponents, options: BlindVotesOptions) {
    this.#components = components
    this.#options = options
  }

  async load(): Promise<void> {
    for (const each of await this.#components.table.all()) this.#promised.set(idOf(each.vote), each)
  }

  /** Publishes commitments that were stored and never published, and sees to it that all are opened. */
  async start(): Promise<void> {
    this.#started = true
    // A node whose disk is full still answers, and tries again.
    await this.#checkQuietly()
  }

  async stop(): Promise<void> {
    this.#started = false
    this.#cancel?.()
    await this.#turns.ended()
  }

  /** Results that are promised and not said. */
  promised(): readonly PromisedVote[] {
    return [...this.#promised.values()]
  }

  promisedOf(release: Sid, platform: Platform): PromisedVote | undefined {
    return this.#promised.get(idOf({ release, platform }))
  }

  /** The statement that promises it; published now where that was not done. */
  commitmentTo(promised: PromisedVote): Promise<Sid> {
    return this.#turns.take(() => this.#commit(promised))
  }

  /** Says a result, or promises it where nobody can know it yet; returns the statement that came of it. */
  say(vote: Rebuild): Promise<Sid> {
    return this.#turns.take(async () => {
      const { publish, clock, crypto, key, randomBytes, table } = this.#components
      if (vote.publishedDigest !== undefined) return publish(vote)
      const isLate = (await this.#isPublished(vote)) || (await this.#hasSpoken(vote))
      if (!this.#options.enabled || isLate) return publish(await this.#afterOthers(vote))
      const salt = toHex(randomBytes(SALT_BYTES))
      const { image, release, inputDigest, platform, profile } = vote
      const promised: PromisedVote = {
        salt,
        vote,
        commitment: {
          kind: 'commitment',
          image,
          release,
          inputDigest,
          platform,
          profile,
          hash: voteHash(vote, key(), salt, crypto),
          committed: unixSeconds(clock),
        },
      }
      await table.put(idOf(vote), promised, { sync: true })
      this.#promised.set(idOf(vote), promised)
      const sid = await this.#commit(promised)
      this.consider()
      return sid
    })
  }

  /** Says at once what is promised of a build input: its image is out. */
  async sayNow(inputDigest: string): Promise<void> {
    await this.#turns.take(async () => {
      for (const each of this.promised()) {
        if (each.vote.inputDigest === inputDigest) await this.#open(each)
      }
    })
  }

  /** Something has come that may matter. Returns at once. */
  consider(): void {
    if (this.#started && this.#promised.size > 0) this.#checkIn(SOON_MS)
  }

  /** Says whatever is due, and comes back when the next is. */
  async check(): Promise<void> {
    if (!this.#components.mayVote()) return
    const next = await this.#turns.take(async () => {
      let soonest = Infinity
      for (const each of this.promised()) {
        // Signed with another key it opens nothing: then it is said as any result is.
        const due = this.#isOfThisKey(each) ? await this.#dueAt(each) : 0
        if (due <= unixSeconds(this.#components.clock)) await this.#open(each)
        else soonest = Math.min(soonest, due)
      }
      return soonest
    })
    if (next === Infinity || !this.#started) return
    this.#checkIn(Math.max(1, next - unixSeconds(this.#components.clock)) * 1000)
  }

  #checkIn(ms: number): void {
    this.#cancel?.()
    this.#cancel = this.#components.later(() => void this.#checkQuietly(), ms)
  }

  async #checkQuietly(): Promise<void> {
    try {
      await this.check()
    } catch (error) {
      this.#components.logger.error({ error: String(error) }, 'a promised result could not be said')
      if (this.#started) this.#checkIn(RETRY_MS)
    }
  }

  #isOfThisKey({ vote, salt, commitment }: PromisedVote): boolean {
    const { key, crypto } = this.#components
    return voteHash(vote, key(), salt, crypto) === commitment.hash
  }

  async #dueAt(promised: PromisedVote): Promise<number> {
    const { vote, commitment } = promised
    if (!this.#committed.has(commitment.hash)) await this.#commit(promised)
    const { clock, operatorOf, isLogged, trusted } = this.#components
    if (await this.#isPublished(vote)) return 0
    const end = commitment.committed + this.#options.waitSeconds
    const { operators, threshold } = trusted(vote.image)
    const committed = new Set<OperatorId>()
    for (const statement of await this.#commitmentsTo(vote)) {
      const operator = operatorOf(statement.key)
      if (operator === undefined || !operators.has(operator)) continue
      if (isLogged(statement, operator)) committed.add(operator)
    }
    if (committed.size < (this.#options.commitments ?? threshold)) return end
    const since = this.#enough.get(idOf(vote)) ?? unixSeconds(clock)
    this.#enough.set(idOf(vote), since)
    return Math.min(end, since + this.#options.settleSeconds)
  }

  /** Publishes the commitment, unless that was done before. */
  async #commit({ commitment }: PromisedVote): Promise<Sid> {
    const { statements, key, publish } = this.#components
    const own = await statements.ofKey(key())
    const known = own.find(
      ({ body }) => body.kind === 'commitment' && body.hash === commitment.hash,
    )
    const sid = known?.sid ?? (await publish(commitment))
    this.#committed.add(commitment.hash)
    return sid
  }

  async #open(promised: PromisedVote): Promise<void> {
    const { statements, key, publish, table } = this.#components
    const { vote, salt } = promised
    const opening = this.#isOfThisKey(promised)
    const reveals = opening ? { commitment: await this.#commit(promised), salt } : undefined
    const own = await statements.ofKey(key())
    // Said, and then the process died before it could note so.
    const said = own.some(
      ({ body }) =>
        body.kind === 'rebuild' &&
        body.inputDigest === vote.inputDigest &&
        body.reveals?.commitment === reveals?.commitment,
    )
    const result = await this.#afterOthers(vote)
    if (!said) await publish(reveals === undefined ? result : { ...result, reveals })
    await table.delete(idOf(vote), { sync: true })
    this.#promised.delete(idOf(vote))
    this.#enough.delete(idOf(vote))
  }

  /** The result with the commitments of others that are here, those of trusted operators first. */
  async #afterOthers(vote: Rebuild): Promise<Rebuild> {
    const { key, operatorOf, trusted } = this.#components
    const { operators } = trusted(vote.image)
    const self = operatorOf(key())
    const rank = (statement: SignedStatement): number => {
      const operator = operatorOf(statement.key)
      return operator === undefined ? 2 : operators.has(operator) ? 0 : 1
    }
    const after = (await this.#commitmentsTo(vote))
      .filter((each) => each.key !== key() && (self === undefined || operatorOf(each.key) !== self))
      .toSorted((a, b) => rank(a) - rank(b))
      .slice(0, MAX_AFTER)
      .map(({ sid }) => sid)
      .sort()
    return after.length === 0 ? vote : { ...vote, after }
  }

  async #commitmentsTo({ image, inputDigest }: Rebuild): Promise<SignedStatement<Commitment>[]> {
    const all = await this.#components.statements.ofImage(image, 'commitment')
    return all.filter(({ body }) => body.inputDigest === inputDigest)
  }

  /** Whether any release of the same input names an image: then the answer can be known. */
  async #isPublished({ image, commit, platform, inputDigest }: Rebuild): Promise<boolean> {
    const { statements, crypto } = this.#components
    const releases = await statements.ofImage(image, 'release')
    return releases.some(
      ({ body }) =>
        body.source.commit === commit &&
        body.platforms.some(
          (each) => each.platform === platform && each.manifestDigest !== undefined,
        ) &&
        inputDigestOf(buildInputOf(body, platform), crypto) === inputDigest,
    )
  }

  /** Whether this node has said something of the input before. */
  async #hasSpoken({ inputDigest }: Rebuild): Promise<boolean> {
    const own = await this.#components.statements.ofKey(this.#components.key())
    return own.some(
      ({ body }) =>
        (body.kind === 'rebuild' || body.kind === 'commitment') && body.inputDigest === inputDigest,
    )
  }
}

function idOf({ release, platform }: Pick<Rebuild, 'release' | 'platform'>): string {
  return `${release}:${platform}`
}
