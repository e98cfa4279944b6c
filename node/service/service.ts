/** The node as its callers see it: every part of NodeService, put together. */
import type { Revocation } from '../../protocol/revocation.ts'
import type {
  AlertSummary,
  AnnounceRequest,
  DiffReply,
  DiffRequest,
  FollowPreview,
  FollowRequest,
  GateSummary,
  NodeEvent,
  NodeService,
  PeerSummary,
  Priority,
  ProjectSummary,
  PruneReport,
  QueueItem,
  RebuildPlan,
  ReleaseSummary,
  StatementSummary,
  Status,
  VerdictQuery,
  VerdictReply,
} from '../http/node-service.ts'
import type { BundleReport, ProofSummary } from '../http/log-summary.ts'
import type {
  Cards,
  OperatorSummary,
  TrustListPreview,
  TrustListRequest,
  TrustRequest,
} from '../http/trust-summary.ts'
import type { ProjectStatistics } from '../http/statistics-summary.ts'
import type { WatchSummary } from '../http/watch-summary.ts'
import { toBase64 } from '../../protocol/bytes.ts'
import { Bundles } from '../bundles.ts'
import { ConfigError } from '../config-error.ts'
import type { NodeParts } from '../node-parts.ts'
import { VERSION } from '../version.ts'
import { Announcing } from './announcing.ts'
import { Comparing } from './comparing.ts'
import { Following } from './following.ts'
import { logEnd } from './log-ends.ts'
import { LogStanding } from './log-standing.ts'
import { Rebuilding } from './rebuilding.ts'
import { StatementQueries } from './statements.ts'
import { projectStatistics } from './statistics.ts'
import { Trust } from './trust.ts'
import { Verdicts } from './verdicts.ts'
import { AutoAnnouncing } from './auto-announcing.ts'
import { Watching } from './watching.ts'

export class Service implements NodeService {
  readonly #parts: NodeParts
  readonly #verdicts: Verdicts
  readonly #statements: StatementQueries
  readonly #following: Following
  readonly #announcing: Announcing
  readonly watching: Watching
  readonly #rebuilding: Rebuilding
  readonly #trust: Trust
  readonly #comparing: Comparing
  readonly #logs: LogStanding
  readonly #bundles: Bundles

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#logs = new LogStanding(parts)
    this.#bundles = new Bundles(parts)
    this.#verdicts = new Verdicts(parts, this.#logs)
    this.#statements = new StatementQueries(parts)
    this.#following = new Following(parts)
    this.#announcing = new Announcing(parts, this.#following, this.#statements)
    const auto = new AutoAnnouncing(parts, this.#following, this.#announcing)
    const announce: AutoAnnouncing['announce'] = (found, signal) => auto.announce(found, signal)
    this.watching = new Watching({ parts, announce })
    this.#rebuilding = new Rebuilding(parts, this.#statements)
    this.#trust = new Trust(parts)
    this.#comparing = new Comparing(
      {
        crypto: parts.crypto,
        store: parts.store,
        trees: parts.trees,
        signers: parts.signers,
        // Not there before the node has started.
        get network() {
          return parts.network
        },
        nameOf: (id) => parts.policy.policy.operators.find((each) => each.id === id)?.name,
      },
      this.#statements,
    )
  }

  async status(): Promise<Status> {
    const { config, identity, store, network, projects, policy, queue, alerts } = this.#parts
    const items = queue.list()
    const count = (...states: QueueItem['state'][]): number =>
      items.filter(({ state }) => states.includes(state)).length
    const engine = await this.#parts.workshop.anyEngine()
    // A disk becomes full without a write of ours.
    await store.checkSpace()
    return {
      version: VERSION,
      running: network !== undefined,
      readOnly: store.readOnly,
      readOnlyReason: store.readOnlyReason ?? null,
      network: config.network,
      operator: identity.card.body.operator,
      name: identity.card.body.name,
      key: identity.key.publicKey,
      cardExpires: identity.card.body.expires,
      cardTrouble: this.#trust.ownTrouble(),
      peerId: network?.peerId ?? '',
      listen: network?.addresses() ?? [],
      peers: network?.peers().length ?? 0,
      statements: store.statements.count(),
      projects: projects.all().map(({ project }) => project.image),
      queue: {
        waiting: count('waiting', 'retrying'),
        running: count('running'),
        failed: count('failed'),
        gate: this.#parts.gate.state(),
      },
      disk: await this.#parts.disk.summary(),
      openAlerts: (await alerts.list({ open: true })).length,
      watches: await this.watching.status(),
      logs: this.#logs.status(),
      builder: engine === undefined ? null : `${engine.name} ${engine.version}`,
      isolation: engine?.isolation ?? null,
      policy: {
        hash: policy.policy.hash,
        operators: policy.policy.operators.length,
        warnings: policy.policy.warnings,
      },
      started: this.#parts.started,
    }
  }

  verdict(query: VerdictQuery, signal: AbortSignal): Promise<VerdictReply> {
    return this.#verdicts.verdict(query, signal)
  }

  diff(request: DiffRequest, signal: AbortSignal): Promise<DiffReply> {
    return this.#comparing.diff(request, signal)
  }

  async exportBundle(query: VerdictQuery, signal: AbortSignal): Promise<{ bundle: string }> {
    const { questions } = await this.#verdicts.questions(query, signal)
    const bytes = await this.#bundles.export(questions)
    return { bundle: Buffer.from(bytes).toString('base64') }
  }

  async importBundle(bundle: string): Promise<BundleReport> {
    // Megabytes: protocol's own reader is for cards and heads.
    const bytes = Buffer.from(bundle, 'base64')
    if (bytes.toString('base64') !== bundle) {
      throw new ConfigError('bad-value', 'the bundle is not base64')
    }
    return this.#bundles.import(bytes)
  }

  async proofs(operator = ''): Promise<readonly ProofSummary[]> {
    const { policy, logs } = this.#parts
    const named = policy.policy.operators.find(({ name }) => name === operator)?.id ?? operator
    return logs.book
      .proofs()
      .filter((proof) => proof.operator.startsWith(named))
      .map(({ id, kind, operator: id1, key, origin, words, bytes }) => ({
        id,
        kind,
        operator: id1,
        key,
        origin: origin.text,
        words,
        proof: toBase64(bytes),
      }))
  }

  releases(filter: { readonly image?: string }): Promise<readonly ReleaseSummary[]> {
    return this.#statements.releases(filter)
  }

  statistics(filter: {
    readonly image?: string
    readonly last?: number
  }): Promise<readonly ProjectStatistics[]> {
    return projectStatistics(this.#parts, filter)
  }

  statement(reference: string): Promise<StatementSummary | undefined> {
    return this.#statements.statement(reference)
  }

  log(filter: {
    readonly image?: string
    readonly limit: number
  }): Promise<readonly StatementSummary[]> {
    return this.#statements.log(filter)
  }

  async projects(): Promise<readonly ProjectSummary[]> {
    return this.#following.projects()
  }

  async previewFollow(request: FollowRequest): Promise<FollowPreview> {
    this.watching.check(request)
    return this.#following.preview(request)
  }

  async follow(request: FollowRequest): Promise<ProjectSummary> {
    this.watching.check(request)
    const project = await this.#following.follow(request)
    await this.watching.followed(project.image)
    return project
  }

  async unfollow(image: string): Promise<void> {
    await this.#following.unfollow(image)
    await this.watching.followed(image)
  }

  announce(request: AnnounceRequest, signal: AbortSignal): Promise<ReleaseSummary> {
    return this.#announcing.announce(request, signal)
  }

  withdraw(reference: string, reason: string): Promise<StatementSummary> {
    return this.#announcing.withdraw(reference, reason)
  }

  watches(): Promise<readonly WatchSummary[]> {
    return this.watching.list()
  }

  pollWatch(image: string, signal: AbortSignal): Promise<WatchSummary> {
    return this.watching.poll(image, signal)
  }

  planRebuild(reference: string, platform?: string): Promise<readonly RebuildPlan[]> {
    return this.#rebuilding.plan(reference, platform)
  }

  rebuild(reference: string, platform?: string): Promise<readonly QueueItem[]> {
    return this.#rebuilding.rebuild(reference, platform)
  }

  async queue(): Promise<readonly QueueItem[]> {
    return this.#rebuilding.list()
  }

  retryQueueItem(id: string): Promise<QueueItem> {
    return this.#rebuilding.retry(id)
  }

  cancelQueueItem(id: string): Promise<QueueItem> {
    return this.#rebuilding.cancel(id)
  }

  prioritizeQueueItem(id: string, priority: Priority | null): Promise<QueueItem> {
    return this.#rebuilding.prioritize(id, priority)
  }

  pauseQueue(options: { readonly stop?: boolean }): Promise<GateSummary> {
    return this.#rebuilding.pause(options)
  }

  resumeQueue(options: { readonly voting?: boolean }): Promise<GateSummary> {
    return this.#rebuilding.resume(options)
  }

  prune(options: { readonly dryRun?: boolean; readonly olderThan?: number }): Promise<PruneReport> {
    const { config, pruning } = this.#parts
    const { dryRun = false, olderThan = config.prune.olderThanSeconds } = options
    return pruning.prune({ dryRun, olderThan })
  }

  async operators(): Promise<readonly OperatorSummary[]> {
    return this.#trust.operators()
  }

  trust(request: TrustRequest): Promise<OperatorSummary> {
    return this.#trust.trust(request)
  }

  untrust(operator: string): Promise<void> {
    return this.#trust.untrust(operator)
  }

  ownCard(): Promise<{ readonly operator: string } & Required<Cards>> {
    return this.#trust.ownCard()
  }

  adoptCard(request: Cards): Promise<OperatorSummary> {
    return this.#trust.adopt(request)
  }

  async logEnd(key: string, size?: number): Promise<Revocation> {
    return logEnd(this.#parts, key, size)
  }

  previewTrustList(request: TrustListRequest): Promise<TrustListPreview> {
    return this.#trust.previewList(request)
  }

  importTrustList(
    request: TrustListRequest & { readonly token: string },
  ): Promise<TrustListPreview> {
    return this.#trust.importList(request)
  }

  async peers(): Promise<readonly PeerSummary[]> {
    return this.#parts.network?.peers() ?? []
  }

  alerts(filter: { readonly open?: boolean }): Promise<readonly AlertSummary[]> {
    return this.#parts.alerts.list(filter)
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    return this.#parts.subscribe(listener)
  }
}
