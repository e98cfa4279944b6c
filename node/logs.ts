/**
 * The logs of a node, put together: what others have logged, what it has logged itself, the time
 * that both are judged by, and what the verdict sees of them.
 */
import { concat } from '../protocol/bytes.ts'
import type { Crypto } from '../protocol/crypto.ts'
import type { ImageName, KeyHex, OperatorId, Sid, UnixSeconds } from '../protocol/identifiers.ts'
import type { EquivocationProof } from '../protocol/log/equivocation.ts'
import type { Head } from '../protocol/log/head.ts'
import { projectTag } from '../protocol/log/leaf.ts'
import type { LogBook } from '../protocol/log/log-book.ts'
import { createLogView, type BookView } from '../protocol/log/log-view.ts'
import type { Origin } from '../protocol/log/origin.ts'
import type { Policy } from '../protocol/policy.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { SyncQuery } from '../protocol/sync/query.ts'
import type { OriginStanding, SignedUnder } from '../protocol/sync/sync-book.ts'
import type { RecordChange } from './record-change.ts'
import type { Clock } from './clock.ts'
import type { DataFolder } from './data-folder.ts'
import { BookKeeper } from './log/book-keeper.ts'
import { FreshnessWatch } from './log/freshness-watch.ts'
import { OwnLogKeeper, type Reopening } from './log/own-log-keeper.ts'
import { Place } from './log/place.ts'
import { TrustedTime } from './log/trusted-time.ts'
import { Voters } from './log/voters.ts'
import type { Logger } from './logger.ts'
import type { SyncStore } from './network/sync/sync-store.ts'
import type { OperatorIdentity } from './operator-identity.ts'
import type { Signers } from './signers.ts'
import type { Store } from './store/store.ts'

/** How often the time is written down. */
const TIME_INTERVAL_MS = 600_000
/** Of operators that the user did not name, all together: some 50 MB. */
const MAX_STRANGER_LEAVES = 500_000
/** Look-ups in logs that are remembered while nothing changes. */
const MAX_COUNTED = 50_000

/** Whether a statement stands in the log of this key, in the name of this operator. */
interface Counted {
  readonly key: KeyHex
  readonly operator: OperatorId
  readonly answer: boolean
}

export interface LogsComponents {
  readonly folder: DataFolder
  readonly store: Store
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly identity: () => OperatorIdentity
  readonly signers: Signers
  readonly policy: () => Policy
  readonly images: () => readonly ImageName[]
  readonly wanted: () => ReadonlySet<OperatorId>
  /** These statements have come under a head: they count from now on. */
  readonly logged: (statements: readonly SignedStatement[]) => void
  /** Answers about these images may be others now. */
  readonly reconsider: (images: readonly ImageName[]) => void
  /** An own head is on the disk, for others to hear. */
  readonly signed: (head: Head) => Promise<void>
  readonly proven: (proof: EquivocationProof) => void
  readonly reopened: (reopening: Reopening) => Promise<void>
  /** Another node signs with the key of this one. */
  readonly shared: () => Promise<void>
}

export class Logs implements SyncStore {
  readonly time: TrustedTime
  /** Whether the folder was copied since a peer was last heard. */
  readonly place: Place
  readonly keeper: BookKeeper
  readonly own: OwnLogKeeper
  readonly voters: Voters
  readonly freshness: FreshnessWatch
  readonly #components: LogsComponents
  readonly #cards = new Map<Sid, SignedStatement<OperatorCard>>()
  /** Counts whatever may change what the verdict sees. */
  #changes = 0
  #view: { readonly made: string; readonly at: UnixSeconds; readonly view: BookView } | undefined
  /** Which statements stand in logs does not hang on the time: each is looked up once. */
  #counted: { readonly made: string; readonly answers: Map<Sid, Counted> } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(components: LogsComponents) {
    const { folder, store, crypto, clock, logger, identity } = components
    this.#components = components
    this.time = new TrustedTime({ clock, table: store.meta })
    this.place = new Place({ table: store.meta }, folder.store)
    this.voters = new Voters(store)
    const self = {
      operator: identity().card.body.operator,
      key: identity().key.publicKey,
    }
    this.keeper = new BookKeeper({
      store,
      crypto,
      clock,
      logger,
      wants: (origin) => this.standing(origin) === 'wanted',
      heard: (head) => {
        if (head.origin.key !== self.key || head.origin.operator !== self.operator) return
        this.own
          .heard([head])
          .catch((error: unknown) =>
            logger.error({ error: String(error) }, 'an own head from others was not taken up'),
          )
      },
      changed: () => {
        this.#changes++
      },
      moved: (_operator, logged) => {
        components.logged(logged)
        this.freshness.checkSoon()
      },
      proven: (proof) => {
        components.proven(proof)
        this.freshness.checkSoon()
      },
    })
    this.own = new OwnLogKeeper(
      {
        store,
        crypto,
        logger,
        signer: identity().key,
        time: this.time,
        isLogged: (sid) => this.book.leafOf(sid, self.key, self.operator) !== undefined,
        card: () => {
          const { card } = identity()
          return { version: card.body.version, sid: card.sid }
        },
        signed: async (head, log) => {
          this.keeper.takeOwn(head, (from, to) => concat(...log.slots(head.origin.n, from, to)))
          await components.signed(head)
        },
        reopened: components.reopened,
        shared: components.shared,
      },
      { ...self, markFile: folder.logMark, diskLost: store.recovery.lostWrites },
    )
    this.freshness = new FreshnessWatch({
      view: () => this.view(),
      now: () => this.time.seconds(),
      policy: components.policy,
      images: components.images,
      changed: components.reconsider,
    })
  }

  get book(): LogBook {
    return this.keeper.book
  }

  /**
   * Reads what is stored; after the cards. Where something may be lost, each statement that is said to
   * be here is looked for.
   */
  async load(options: { readonly recheck: boolean }): Promise<void> {
    await this.time.load()
    await this.place.load()
    await this.voters.load()
    for (const card of await this.#components.store.statements.cards()) {
      this.#cards.set(card.sid, card)
    }
    await this.keeper.load(options)
    await this.own.load()
  }

  /** For a node that runs: heads are released and signed as time goes by. */
  start(): void {
    this.keeper.start()
    this.freshness.start()
    this.#timer = setInterval(() => void this.#writeTime(), TIME_INTERVAL_MS)
    this.#timer.unref()
  }

  /** A peer has given what it has of our logs: from now on heads are signed. */
  async confirm(): Promise<void> {
    const { card, key } = this.#components.identity()
    await this.own.confirm(this.keeper.headsUnder(card.body.operator, key.publicKey))
    await this.#writeDown(await this.place.writingDown(), 'where the store is')
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.freshness.stop()
    this.own.stop()
    await this.keeper.stop()
    // Also of a command that ran without a node: a machine may only ever ask, and lose its clock.
    await this.#writeTime()
  }

  #writeTime(): Promise<void> {
    return this.#writeDown([this.time.writingDown()], 'the time')
  }

  async #writeDown(changes: readonly RecordChange[], what: string): Promise<void> {
    const { store, logger } = this.#components
    if (store.readOnly || changes.length === 0) return
    try {
      await store.write(changes)
    } catch (error) {
      logger.warn({ error: String(error) }, `${what} was not written down`)
    }
  }

  /** A statement was stored, of whomever. */
  stored(statement: SignedStatement, bytes: Uint8Array): void {
    const { logger, identity } = this.#components
    if (isCard(statement)) this.#cards.set(statement.sid, statement)
    this.keeper.stored(statement, bytes)
    this.#changes++
    const failed = (error: unknown): void =>
      logger.error({ error: String(error), sid: statement.sid }, 'a statement was not noted')
    this.voters.note(statement).catch(failed)
    if (statement.key === identity().key.publicKey) this.own.relog(statement).catch(failed)
  }

  /** Whether a log is kept here; `needs-card` where that hangs on a card that is not here. */
  standing(origin: Origin): OriginStanding {
    const { operator, key } = origin
    const { signers, wanted } = this.#components
    const isNew = this.book.head(origin.text) === undefined
    if (!wanted().has(operator) && isNew && this.#strangerLeaves() >= MAX_STRANGER_LEAVES) {
      return 'unwanted'
    }
    const owner = signers.operatorOf(key)
    if (owner === undefined) return 'needs-card'
    return owner === operator ? 'wanted' : 'unwanted'
  }

  /** See SyncWishes. */
  nextCard({ card }: SignedUnder): Sid | undefined {
    let sid: Sid | undefined = card.sid
    while (sid !== undefined) {
      const known = this.#cards.get(sid)
      if (known === undefined) return sid
      sid = known.body.previous?.sid
    }
    return undefined
  }

  /** What this node wants to know of logs. */
  query(): SyncQuery {
    const { wanted, images, crypto } = this.#components
    return {
      operators: [...wanted()].sort(),
      keys: [...this.voters.of(images())].sort(),
      tags: images()
        .map((image) => projectTag(image, crypto))
        .sort(),
    }
  }

  commit(): Promise<void> {
    return this.keeper.idle()
  }

  read(sids: readonly Sid[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#components.store.statements.messages(sids)
  }

  /** The logs as the verdict sees them now: the same object while it would say the same. */
  view(): BookView {
    const now = this.time.seconds()
    const { policy, crypto, identity } = this.#components
    const { signing, size } = this.own.state()
    const isBehind = this.time.behind !== undefined
    const made = `${this.#changes} ${policy().hash} ${isBehind} ${signing} ${size}`
    const kept = this.#view
    if (kept?.made === made && kept.at <= now && now < kept.view.holdsUntil) return kept.view
    const base = createLogView({
      book: this.book,
      cards: this.#cards.values(),
      operators: policy().operators,
      now,
      crypto,
    })
    const isCounted = this.#rememberCounted(base, policy().hash)
    const view: BookView = {
      checked: base.checked,
      holdsUntil: base.holdsUntil,
      isCounted: (sid, key, operator) =>
        isCounted(sid, key, operator) ||
        // What this node said itself counts here before a peer was there to tell it to.
        (!this.own.state().signing &&
          key === identity().key.publicKey &&
          operator === identity().card.body.operator &&
          this.own.has(sid)),
      isBelow: (sid, key, operator, logs) => base.isBelow(sid, key, operator, logs),
      completeUpTo: (operator, image) => base.completeUpTo(operator, image),
      isEquivocator: (operator) => base.isEquivocator(operator),
      logsOf: (operator, image) => base.logsOf(operator, image),
      clockSuspect: base.clockSuspect || isBehind,
    }
    this.#view = { made, at: now, view }
    return view
  }

  #rememberCounted(base: BookView, policyHash: string): BookView['isCounted'] {
    const made = `${this.#changes} ${policyHash}`
    if (this.#counted?.made !== made) this.#counted = { made, answers: new Map() }
    const { answers } = this.#counted
    return (sid, key, operator) => {
      const known = answers.get(sid)
      if (known?.key === key && known.operator === operator) return known.answer
      const answer = base.isCounted(sid, key, operator)
      if (answers.size >= MAX_COUNTED) answers.clear()
      answers.set(sid, { key, operator, answer })
      return answer
    }
  }

  #strangerLeaves(): number {
    const wanted = this.#components.wanted()
    return this.book
      .heads()
      .reduce((sum, { origin, size }) => sum + (wanted.has(origin.operator) ? 0 : size), 0)
  }
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
