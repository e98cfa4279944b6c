/**
 * The parts of a node and the lines between them: what arrives is stored, counted, queued and told.
 *
 * Siblings do not know one another; whatever one part needs of another goes through here.
 */
import { join } from 'node:path'
import { createStatement } from '../protocol/create-statement.ts'
import type { Crypto } from '../protocol/crypto.ts'
import type { ImageName, OperatorId, Platform, Sid } from '../protocol/identifiers.ts'
import { openStatement } from '../protocol/open-statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Project } from '../protocol/project.ts'
import type { SignedStatement, StatementBody } from '../protocol/statement.ts'
import type { Answer } from '../protocol/verdict/answer.ts'
import { StoreAdmission } from './admission.ts'
import { AlertBook } from './alert/alert-book.ts'
import { Outbox } from './alert/outbox.ts'
import { webhookName } from './alert/webhook-sink.ts'
import { makeBlindVotes } from './blind-parts.ts'
import type { BlindVotes } from './blind-votes.ts'
import { buildLimits } from './build-limits.ts'
import { makeBuilders } from './builders.ts'
import { unixSeconds, type Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import { Divergences } from './divergences.ts'
import { EventBus } from './event-bus.ts'
import type { NodeEvent } from './http/node-service.ts'
import type { Logger } from './logger.ts'
import { Logs } from './logs.ts'
import type { NodeNetwork, NodeParts } from './node-parts.ts'
import type { OperatorIdentity } from './operator-identity.ts'
import { takeOwnCard } from './own-card.ts'
import type { PolicyFile } from './policy-file.ts'
import type { ProjectFiles } from './project-files.ts'
import { MachineWatch } from './machine-watch.ts'
import { Pruning } from './pruning.ts'
import { attemptRebuild } from './rebuild-attempt.ts'
import { BuildJournal } from './rebuild/build-journal.ts'
import { Queue } from './rebuild/queue.ts'
import { QueueGate } from './rebuild/queue-gate.ts'
import { queueItemId, type QueueItem } from './rebuild/queue-item.ts'
import { describeItem } from './queue-view.ts'
import { refusals } from './refusals.ts'
import { describeStatement } from './service/statement-view.ts'
import { insecureHosts } from './service/verdicts.ts'
import { Signers, wantedOperators } from './signers.ts'
import type { Store } from './store/store.ts'
import { isRelease, Tally } from './tally.ts'
import { TreeStore } from './tree/tree-store.ts'
import { clearUnsynced, isUnsynced, markUnsynced } from './unsynced.ts'
import { Webhooks } from './webhooks.ts'
import { commitTimesOf } from '../protocol/recipe-template.ts'
import { Workshop } from './workshop.ts'

/** Statements of unknown signers tend to come together; one round of sync serves them all. */
const CARD_SYNC_DELAY_MS = 2_000
/** Of more statements that come at once all answers of their images are asked again. */
const MAX_TOUCHED = 500

/** What is read from the data folder before the parts are made. */
export interface Foundation {
  readonly folder: DataFolder
  readonly config: Config
  readonly identity: OperatorIdentity
  readonly store: Store
  readonly projects: ProjectFiles
  readonly policy: PolicyFile
  readonly logger: Logger
  readonly clock: Clock
  readonly crypto: Crypto
}

export class NodeAssembly implements NodeParts {
  readonly folder: DataFolder
  readonly config: Config
  readonly identity: OperatorIdentity
  readonly store: Store
  readonly projects: ProjectFiles
  readonly policy: PolicyFile
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: Crypto
  readonly started: number
  readonly signers = new Signers()
  readonly logs: Logs
  readonly alerts: AlertBook
  readonly webhooks: Webhooks
  readonly tally: Tally
  readonly queue: Queue
  readonly gate: QueueGate
  readonly journal: BuildJournal
  readonly machine: MachineWatch
  readonly pruning: Pruning
  readonly blind: BlindVotes
  readonly workshop: Workshop
  readonly trees: TreeStore
  readonly divergences: Divergences
  readonly admission: StoreAdmission
  network: NodeNetwork | undefined
  readonly #events: EventBus
  #asking: NodeJS.Timeout | undefined
  #unsynced = false
  /** Whether the own log was closed before its time, in this run. */
  #reopened = false

  constructor(foundation: Foundation) {
    const { folder, config, identity, store, projects, policy, logger, clock, crypto } = foundation
    this.folder = folder
    this.config = config
    this.identity = identity
    this.store = store
    this.projects = projects
    this.policy = policy
    this.clock = clock
    this.crypto = crypto
    this.started = unixSeconds(clock)
    this.logger = logger
    this.#events = new EventBus(logger)
    const { webhooks: urls, insecure } = config
    const outbox = new Outbox({ store }, { sinks: urls.map(webhookName) })
    this.alerts = new AlertBook({ store, outbox, logger })
    this.webhooks = new Webhooks({ outbox, logger }, { urls, insecure })
    this.alerts.subscribe(({ alert }) => this.#events.emit({ type: 'alert', data: alert }))
    this.trees = new TreeStore(
      { logger, mayWrite: () => !store.readOnly },
      { directory: join(folder.root, 'trees') },
    )
    this.divergences = new Divergences({
      parts: this,
      store,
      logger,
      found: (answer) => this.#events.emit({ type: 'verdict', data: answer }),
    })
    this.logs = new Logs({
      folder,
      store,
      crypto,
      clock,
      logger,
      identity: () => this.identity,
      signers: this.signers,
      policy: () => policy.lastPolicy,
      images: () => this.#images(),
      wanted: () => this.wanted(),
      logged: (statements) => this.#logged(statements),
      reconsider: (images) => this.tally.touchImages(images),
      signed: async (head) => this.network?.publishHead(head),
      proven: (proof) => {
        this.#quietly(this.#raiseProven(), 'an alert was not raised')
        if (this.network !== undefined) {
          this.#quietly(this.network.publishProof(proof), 'a proof was not published')
        }
      },
      reopened: async ({ n, why }) => {
        this.#reopened = true
        const reasons = [`The log of this node was closed and log ${n} begun: ${why}.`]
        const operator = this.identity.card.body.operator
        await this.alerts.observeOperators('log-reopened', [{ operator, reasons }], this.#now())
      },
    })
    this.tally = new Tally({
      statements: store.statements,
      policy: () => policy.policy,
      projects: () => this.#projects(),
      incomplete: () => this.#unsynced,
      view: () => this.logs.view(),
      now: () => this.#now(),
      crypto,
      changed: (answer) => this.#answered(answer),
      failed: (error) => logger.error({ error: String(error) }, 'the tally broke'),
    })
    this.admission = new StoreAdmission({
      store,
      crypto,
      signers: this.signers,
      images: () => this.#images(),
      wanted: () => this.wanted(),
      stored: (statement, bytes) => this.#stored(statement, bytes),
    })
    this.workshop = new Workshop(
      {
        crypto,
        logger,
        builders: makeBuilders(config.builders),
        insecure: (image) => insecureHosts(this, image),
        trees: this.trees,
        commitTimes: ({ image, recipe }) => {
          const template = projects.get(image)?.project.recipe
          return template === undefined ? [] : commitTimesOf(template, recipe)
        },
      },
      { workFolder: folder.work, logFolder: folder.logs, limits: buildLimits(config) },
    )
    this.blind = makeBlindVotes(this, logger)
    policy.onChange = () => this.reconsider(this.#images())
    const { schedule: windows, atClose } = config.build
    this.journal = new BuildJournal(store.builds)
    this.gate = new QueueGate({ table: store.meta, clock }, { windows, atClose })
    this.queue = new Queue(
      {
        // The store checks what it reads, and only the queue writes here.
        table: store.queue.as((value) => value as QueueItem),
        gate: this.gate,
        priorityOf: (image) => projects.get(image)?.priority ?? 'normal',
        clock,
        logger,
        attempt: (item, progress, signal) => attemptRebuild(this, item, progress, signal),
        random: () => Math.random(),
        changed: (item) => {
          this.#events.emit({ type: 'queue', data: describeItem(item, this.queue) })
        },
      },
      { concurrency: config.build.concurrency },
    )
    this.machine = new MachineWatch(this, logger)
    this.pruning = new Pruning(this, logger)
  }

  /** Reads what the store holds into the parts that keep a view of it. */
  async load(): Promise<void> {
    if (this.store.uncleanStop) await markUnsynced(this.store)
    this.#unsynced = await isUnsynced(this.store)
    for (const card of await this.store.statements.cards()) this.signers.add(card)
    await takeOwnCard(this, this.logger)
    await this.alerts.load()
    await this.logs.load()
    if (!(await this.store.statements.has(this.identity.card.sid))) {
      await this.take(this.identity.cardBytes)
    }
    await this.#raiseProven()
    await this.gate.load()
    await this.machine.load()
    await this.queue.load()
    await this.blind.load()
  }

  /**
   * A peer has given all that it has: what an unclean stop may have lost is here again, and what
   * others know of our own log is known here.
   */
  async caughtUp(): Promise<void> {
    const { own, keeper } = this.logs
    await keeper.idle()
    // To close a log is for good: what more peers know of it must be known before.
    const { operator } = this.identity.card.body
    const { publicKey } = this.identity.key
    if (own.mustReopen(keeper.headsUnder(operator, publicKey))) await this.network?.sync()
    await this.logs.confirm()
    // What a start before this one had to say is over.
    if (!this.#reopened) await this.alerts.observeOperators('log-reopened', [], this.#now())
    if (!this.#unsynced) return
    await clearUnsynced(this.store)
    this.#unsynced = false
    this.tally.touchImages(this.#images())
  }

  wanted(): ReadonlySet<OperatorId> {
    return wantedOperators(
      this.policy.lastPolicy,
      this.#projects(),
      this.identity.card.body.operator,
    )
  }

  async publish(body: Exclude<StatementBody, OperatorCard>): Promise<Sid> {
    const isVote = body.kind === 'rebuild' || body.kind === 'commitment'
    if (isVote && this.gate.votingStop !== undefined) {
      throw new Error('this node does not vote until its operator has looked at the machine')
    }
    const { bytes, statement } = createStatement(body, this.identity.key, this.crypto)
    await this.logs.own.store(statement, bytes)
    this.#stored(statement, bytes)
    await this.network?.publish(statement, bytes)
    await this.logs.own.signQuietly()
    return statement.sid
  }

  async take(bytes: Uint8Array): Promise<SignedStatement> {
    const statement = openStatement(bytes, this.crypto)
    const isOwn = statement.key === this.identity.key.publicKey
    const outcome = isOwn
      ? await this.logs.own.store(statement, bytes)
      : await this.store.statements.put(bytes, { sync: true })
    if (outcome === 'stored') {
      this.#stored(statement, bytes)
      await this.network?.publish(statement, bytes)
    }
    if (isOwn) await this.logs.own.signQuietly()
    return statement
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    return this.#events.subscribe(listener)
  }

  emit(event: NodeEvent): void {
    this.#events.emit(event)
  }

  reconsider(images: readonly string[]): void {
    this.tally.touchImages(images)
    this.#quietly(this.#raiseProven(), 'alerts were not looked at')
    // A head names the newest own card.
    this.#quietly(this.logs.own.signQuietly(), 'the own head was not signed')
    if (this.network !== undefined) void this.enqueueKnown()
  }

  /** Queues every release that this node is to build and has not built. */
  async enqueueKnown(): Promise<void> {
    for (const { project, build } of this.projects.all()) {
      if (!build) continue
      const { image } = project
      for (const release of await this.store.statements.ofImage(image, 'release')) {
        await this.#consider(release)
      }
    }
  }

  #projects(): readonly Project[] {
    return this.projects.all().map(({ project }) => project)
  }

  #images(): readonly ImageName[] {
    return this.projects.all().map(({ project }) => project.image)
  }

  #now(): number {
    return this.logs.time.seconds()
  }

  #quietly(work: Promise<unknown>, what: string): void {
    work.catch((error: unknown) => this.logger.error({ error: String(error) }, what))
  }

  /** Statements that were here have come under heads, and count now. */
  #logged(statements: readonly SignedStatement[]): void {
    this.blind.consider()
    if (statements.length <= MAX_TOUCHED) {
      for (const statement of statements) this.tally.touch(statement)
      return
    }
    const images = statements.flatMap(({ body }) => (body.kind === 'operator' ? [] : [body.image]))
    this.tally.touchImages(new Set(images))
  }

  /** One alert for each operator that the user named and that told two histories. */
  async #raiseProven(): Promise<void> {
    const wanted = this.wanted()
    const found = new Map<OperatorId, string[]>()
    for (const { operator, words, id } of this.logs.book.proofs()) {
      if (!wanted.has(operator)) continue
      const reasons = found.get(operator) ?? []
      reasons.push(`${operator} told two histories: ${words}. Proof ${id.slice(0, 12)}.`)
      found.set(operator, reasons)
    }
    const findings = [...found].map(([operator, reasons]) => ({ operator, reasons }))
    await this.alerts.observeOperators('equivocation', findings, this.#now())
  }

  #stored(statement: SignedStatement, bytes: Uint8Array): void {
    if (isCard(statement)) {
      this.signers.add(statement)
      void takeOwnCard(this, this.logger).catch((error: unknown) => {
        this.logger.error({ error: String(error) }, 'the newest own card was not taken')
      })
    }
    this.logs.stored(statement, bytes)
    this.tally.touch(statement)
    this.blind.consider()
    void this.#announce(statement, bytes).catch((error: unknown) => {
      this.logger.error(
        { sid: statement.sid, error: String(error) },
        'a statement was not taken up',
      )
    })
  }

  async #announce(statement: SignedStatement, bytes: Uint8Array): Promise<void> {
    const data = describeStatement(statement, bytes, this.signers)
    this.#events.emit({ type: 'statement', data })
    if (this.network === undefined) return
    // Whose word it is stands on a card that is not here yet: without it nothing is counted.
    if (this.signers.operatorOf(statement.key) === undefined) this.#askForCards()
    if (isRelease(statement)) await this.#consider(statement)
    // A card may be what tells whose word a release is that came before it.
    if (isCard(statement) && this.wanted().has(statement.body.operator)) await this.enqueueKnown()
  }

  #askForCards(): void {
    if (this.#asking !== undefined) return
    this.#asking = setTimeout(() => {
      this.#asking = undefined
      this.network?.sync().catch((error: unknown) => {
        this.logger.warn({ error: String(error) }, 'a sync failed')
      })
    }, CARD_SYNC_DELAY_MS)
    this.#asking.unref()
  }

  /** Queues the platforms of a release that this node builds without being asked. */
  async #consider(release: Parameters<typeof refusals>[1]): Promise<void> {
    const { image, version, platforms } = release.body
    for (const { platform } of platforms) {
      const [reason] = await refusals(this, release, platform)
      if (reason === undefined && (await this.#hasSaid(release.sid, platform))) continue
      if (reason === undefined)
        await this.queue.add({ release: release.sid, image, version, platform })
      else this.logger.debug({ sid: release.sid, platform, reason }, 'a release is not built here')
    }
  }

  /** Whether this node has built it: its queue may have let go of that long ago. */
  async #hasSaid(release: Sid, platform: Platform): Promise<boolean> {
    const known = this.queue.list().some(({ id }) => id === queueItemId(release, platform))
    if (known) return false
    const { publicKey } = this.identity.key
    const said = await this.store.statements.rebuildsOf(release)
    return said.some(({ key, body }) => key === publicKey && body.platform === platform)
  }

  async #answered(answer: Answer): Promise<void> {
    this.#events.emit({ type: 'verdict', data: answer })
    this.divergences.consider(answer)
    await this.alerts.observe(answer)
    await this.machine.consider(answer)
  }
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
