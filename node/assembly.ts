/**
 * The parts of a node and the lines between them: what arrives is stored, counted, queued and told.
 *
 * Siblings do not know one another; whatever one part needs of another goes through here.
 */
import { join } from 'node:path'
import { createStatement } from '../protocol/create-statement.ts'
import type { Crypto } from '../protocol/crypto.ts'
import type { ImageName, OperatorId, Sid } from '../protocol/identifiers.ts'
import { openStatement } from '../protocol/open-statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Project } from '../protocol/project.ts'
import type { SignedStatement, StatementBody } from '../protocol/statement.ts'
import type { Answer } from '../protocol/verdict/answer.ts'
import { StoreAdmission } from './admission.ts'
import { AlertBook } from './alert/alert-book.ts'
import { Outbox } from './alert/outbox.ts'
import { webhookName } from './alert/webhook-sink.ts'
import { Assignments } from './assignments.ts'
import { makeBlindVotes } from './blind-parts.ts'
import type { BlindVotes } from './blind-votes.ts'
import { makeQueue, makeWorkshop } from './build-parts.ts'
import { CatchUp } from './catch-up.ts'
import { unixSeconds, type Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import { DiskBudget } from './disk-budget.ts'
import { makeShelves } from './disk-shelves.ts'
import { Divergences } from './divergences.ts'
import { EventBus } from './event-bus.ts'
import type { NodeEvent } from './http/node-service.ts'
import { Intake } from './intake.ts'
import type { Logger } from './logger.ts'
import { Logs } from './logs.ts'
import type { NodeNetwork, NodeParts } from './node-parts.ts'
import type { OperatorIdentity } from './operator-identity.ts'
import { takeOwnCard } from './own-card.ts'
import type { PolicyFile } from './policy-file.ts'
import type { ProjectFiles } from './project-files.ts'
import { MachineWatch } from './machine-watch.ts'
import { Pruning } from './pruning.ts'
import { BuildJournal } from './rebuild/build-journal.ts'
import type { Queue } from './rebuild/queue.ts'
import { QueueGate } from './rebuild/queue-gate.ts'
import { Signers, wantedOperators } from './signers.ts'
import type { Store } from './store/store.ts'
import { Tally } from './tally.ts'
import { TreeStore } from './tree/tree-store.ts'
import { alertOfTwoHistories } from './two-histories.ts'
import { Webhooks } from './webhooks.ts'
import type { Workshop } from './workshop.ts'

const MB = 1024 * 1024

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
  readonly disk: DiskBudget
  readonly blind: BlindVotes
  readonly workshop: Workshop
  readonly trees: TreeStore
  readonly divergences: Divergences
  readonly admission: StoreAdmission
  network: NodeNetwork | undefined
  readonly #events: EventBus
  readonly #assignments: Assignments
  readonly #intake: Intake
  readonly #catchUp: CatchUp
  #wanted:
    | {
        readonly policy: object
        readonly all: object
        readonly self: OperatorId
        readonly operators: ReadonlySet<OperatorId>
      }
    | undefined

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
    this.#assignments = new Assignments(this, logger)
    this.#intake = new Intake(this, this.#assignments, logger)
    this.#catchUp = new CatchUp(this)
    const { webhooks: urls, insecure } = config
    const outbox = new Outbox({ store }, { sinks: urls.map(webhookName) })
    this.alerts = new AlertBook({ store, outbox, logger })
    this.webhooks = new Webhooks({ outbox, logger }, { urls, insecure })
    this.alerts.subscribe(({ alert }) => this.#events.emit({ type: 'alert', data: alert }))
    this.trees = new TreeStore(
      { clock, logger, mayWrite: () => !store.readOnly },
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
      logged: (statements) => this.#intake.logged(statements),
      reconsider: (images) => this.tally.touchImages(images),
      signed: async (head) => this.network?.publishHead(head),
      proven: (proof) => {
        this.#quietly(alertOfTwoHistories(this), 'an alert was not raised')
        if (this.network !== undefined) {
          this.#quietly(this.network.publishProof(proof), 'a proof was not published')
        }
      },
      reopened: (log) => this.#catchUp.reopened(log),
      shared: () => this.#catchUp.shared(),
    })
    this.tally = new Tally({
      statements: store.statements,
      policy: () => policy.policy,
      projects: () => this.#projects(),
      incomplete: () => this.#catchUp.incomplete,
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
      stored: (statement, bytes) => this.#intake.stored(statement, bytes),
    })
    this.workshop = makeWorkshop(this, logger)
    this.blind = makeBlindVotes(this, logger)
    policy.onChange = () => this.reconsider(this.#images())
    const { schedule: windows, atClose } = config.build
    this.journal = new BuildJournal(store.builds)
    this.gate = new QueueGate({ table: store.meta, clock }, { windows, atClose })
    this.queue = makeQueue(this, logger)
    this.machine = new MachineWatch(this, logger)
    this.pruning = new Pruning(this, logger)
    this.disk = new DiskBudget(
      { shelves: makeShelves(this), logger },
      { maxBytes: config.disk.budgetMb * MB },
    )
  }

  /** Reads what the store holds into the parts that keep a view of it. */
  async load(): Promise<void> {
    await this.#catchUp.load()
    for (const card of await this.store.statements.cards()) this.signers.add(card)
    await takeOwnCard(this, this.logger)
    await this.alerts.load()
    await this.logs.load({ recheck: this.#catchUp.incomplete })
    if (!(await this.store.statements.has(this.identity.card.sid))) {
      await this.take(this.identity.cardBytes)
    }
    await alertOfTwoHistories(this)
    await this.gate.load()
    await this.machine.load()
    await this.queue.load()
    await this.blind.load()
  }

  /** A peer has given all that it has. */
  caughtUp(): Promise<void> {
    return this.#catchUp.caughtUp()
  }

  /** Asked for with each statement that comes. */
  wanted(): ReadonlySet<OperatorId> {
    const { lastPolicy } = this.policy
    const all = this.projects.all()
    const { operator } = this.identity.card.body
    const known = this.#wanted
    const isKnown = known?.policy === lastPolicy && known.all === all && known.self === operator
    if (isKnown) return known.operators
    const operators = wantedOperators(lastPolicy, this.#projects(), operator)
    this.#wanted = { policy: lastPolicy, all, self: operator, operators }
    return operators
  }

  async publish(body: Exclude<StatementBody, OperatorCard>): Promise<Sid> {
    const isVote = body.kind === 'rebuild' || body.kind === 'commitment'
    if (isVote && this.gate.votingStop !== undefined) {
      throw new Error('this node does not vote until its operator has looked at the machine')
    }
    const { bytes, statement } = createStatement(body, this.identity.key, this.crypto)
    await this.logs.own.store(statement, bytes)
    this.#intake.stored(statement, bytes)
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
      this.#intake.stored(statement, bytes)
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
    this.#quietly(alertOfTwoHistories(this), 'alerts were not looked at')
    // A head names the newest own card.
    this.#quietly(this.logs.own.signQuietly(), 'the own head was not signed')
    if (this.network !== undefined) void this.enqueueKnown()
  }

  /** Queues every release that this node is to build and has not built. */
  enqueueKnown(): Promise<void> {
    return this.#assignments.considerAll()
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

  async #answered(answer: Answer): Promise<void> {
    this.#events.emit({ type: 'verdict', data: answer })
    this.divergences.consider(answer)
    await this.alerts.observe(answer)
    await this.machine.consider(answer)
  }
}
