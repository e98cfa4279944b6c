/**
 * The node's service, as a command asks for it: the same methods, over whatever transport.
 *
 * The replies are those of this user's own node, over a socket that only this user may open, so
 * they are taken as the API describes them; texts in them come from strangers all the same, and are
 * made harmless where they are printed.
 */
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
} from '../../node/http/node-service.ts'
import type { BundleReport, ProofSummary } from '../../node/http/log-summary.ts'
import type {
  Cards,
  OperatorSummary,
  TrustListPreview,
  TrustListRequest,
  TrustRequest,
} from '../../node/http/trust-summary.ts'
import type { ProjectStatistics } from '../../node/http/statistics-summary.ts'
import type { WatchSummary } from '../../node/http/watch-summary.ts'
import type { StreamEvent } from '../../node/http/schema/event.ts'
import type { OperatorId } from '../../protocol/identifiers.ts'
import type { Revocation } from '../../protocol/revocation.ts'
import { ApiError, parseProblem } from './api-error.ts'
import { EventParser } from './event-parser.ts'
import type { ApiRequest, Transport } from './transport.ts'

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export class ApiClient implements Omit<NodeService, 'subscribe'> {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  status(): Promise<Status> {
    return this.#get('/v1/status')
  }

  verdict(query: VerdictQuery, signal?: AbortSignal): Promise<VerdictReply> {
    const { image, platform, insecure } = query
    return this.#get('/v1/verdict', { image, platform, insecure: insecure?.join(',') }, signal)
  }

  diff(request: DiffRequest, signal?: AbortSignal): Promise<DiffReply> {
    const { release, a, b, platform } = request
    return this.#get('/v1/diff', { release, a, b, platform }, signal)
  }

  exportBundle(query: VerdictQuery, signal?: AbortSignal): Promise<{ readonly bundle: string }> {
    const { image, platform } = query
    return this.#get('/v1/bundle', { image, platform }, signal)
  }

  importBundle(bundle: string): Promise<BundleReport> {
    return this.#post('/v1/bundles', { bundle })
  }

  proofs(operator?: string): Promise<readonly ProofSummary[]> {
    return this.#get('/v1/proofs', { operator })
  }

  releases(filter: { readonly image?: string } = {}): Promise<readonly ReleaseSummary[]> {
    return this.#get('/v1/releases', { image: filter.image })
  }

  statistics(
    filter: { readonly image?: string; readonly last?: number } = {},
  ): Promise<readonly ProjectStatistics[]> {
    return this.#get('/v1/statistics', { image: filter.image, last: filter.last })
  }

  async statement(reference: string): Promise<StatementSummary | undefined> {
    try {
      return await this.#get(`/v1/statements/${encodeURIComponent(reference)}`)
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not-found') return undefined
      throw error
    }
  }

  log(filter: {
    readonly image?: string
    readonly limit: number
  }): Promise<readonly StatementSummary[]> {
    return this.#get('/v1/log', { image: filter.image, limit: filter.limit })
  }

  projects(): Promise<readonly ProjectSummary[]> {
    return this.#get('/v1/projects')
  }

  previewFollow(request: FollowRequest): Promise<FollowPreview> {
    return this.#post('/v1/projects/preview', request)
  }

  follow(request: FollowRequest): Promise<ProjectSummary> {
    return this.#post('/v1/projects', request)
  }

  async unfollow(image: string): Promise<void> {
    await this.#delete(`/v1/projects/${encodeURIComponent(image)}`)
  }

  announce(request: AnnounceRequest, signal?: AbortSignal): Promise<ReleaseSummary> {
    return this.#post('/v1/releases', request, signal)
  }

  withdraw(reference: string, reason: string): Promise<StatementSummary> {
    return this.#post('/v1/withdrawals', { reference, reason })
  }

  watches(): Promise<readonly WatchSummary[]> {
    return this.#get('/v1/watches')
  }

  pollWatch(image: string, signal?: AbortSignal): Promise<WatchSummary> {
    return this.#post(`/v1/watches/${encodeURIComponent(image)}/poll`, undefined, signal)
  }

  planRebuild(reference: string, platform?: string): Promise<readonly RebuildPlan[]> {
    return this.#get('/v1/rebuilds/plan', { reference, platform })
  }

  rebuild(reference: string, platform?: string): Promise<readonly QueueItem[]> {
    return this.#post('/v1/rebuilds', { reference, platform })
  }

  queue(): Promise<readonly QueueItem[]> {
    return this.#get('/v1/queue')
  }

  retryQueueItem(id: string): Promise<QueueItem> {
    return this.#post(`/v1/queue/${encodeURIComponent(id)}/retry`)
  }

  cancelQueueItem(id: string): Promise<QueueItem> {
    return this.#post(`/v1/queue/${encodeURIComponent(id)}/cancel`)
  }

  prioritizeQueueItem(id: string, priority: Priority | null): Promise<QueueItem> {
    return this.#post(`/v1/queue/${encodeURIComponent(id)}/priority`, { priority })
  }

  pauseQueue(options: { readonly stop?: boolean }): Promise<GateSummary> {
    return this.#post('/v1/queue/pause', options)
  }

  resumeQueue(options: { readonly voting?: boolean }): Promise<GateSummary> {
    return this.#post('/v1/queue/resume', options)
  }

  prune(options: { readonly dryRun?: boolean; readonly olderThan?: number }): Promise<PruneReport> {
    return this.#post('/v1/prune', options)
  }

  operators(): Promise<readonly OperatorSummary[]> {
    return this.#get('/v1/operators')
  }

  trust(request: TrustRequest): Promise<OperatorSummary> {
    return this.#post('/v1/operators', request)
  }

  async untrust(operator: string): Promise<void> {
    await this.#delete(`/v1/operators/${encodeURIComponent(operator)}`)
  }

  ownCard(): Promise<{ readonly operator: OperatorId } & Required<Cards>> {
    return this.#get('/v1/card')
  }

  adoptCard(request: Cards): Promise<OperatorSummary> {
    return this.#post('/v1/card', request)
  }

  logEnd(key: string, size?: number): Promise<Revocation> {
    return this.#get(`/v1/log-ends/${encodeURIComponent(key)}`, { size })
  }

  previewTrustList(request: TrustListRequest): Promise<TrustListPreview> {
    return this.#post('/v1/trust-lists/preview', request)
  }

  importTrustList(
    request: TrustListRequest & { readonly token: string },
  ): Promise<TrustListPreview> {
    return this.#post('/v1/trust-lists', request)
  }

  peers(): Promise<readonly PeerSummary[]> {
    return this.#get('/v1/peers')
  }

  alerts(filter: { readonly open?: boolean } = {}): Promise<readonly AlertSummary[]> {
    return this.#get('/v1/alerts', { open: filter.open })
  }

  /**
   * What happens at the node from now on, until it stops or the signal is aborted.
   * `reset` among them says that some was missed.
   */
  async events(
    types: readonly NodeEvent['type'][],
    signal: AbortSignal,
  ): Promise<AsyncGenerator<StreamEvent>> {
    const path = `/v1/events${encodeQuery({ types: types.join(',') })}`
    return parseEvents(await this.#transport.stream(path, signal))
  }

  #get<Reply>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Reply> {
    return this.#send({
      method: 'GET',
      path: `${path}${encodeQuery(query)}`,
      ...(signal === undefined ? {} : { signal }),
    })
  }

  #post<Reply>(path: string, body?: unknown, signal?: AbortSignal): Promise<Reply> {
    return this.#send({
      method: 'POST',
      path,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  #delete(path: string): Promise<unknown> {
    return this.#send({ method: 'DELETE', path })
  }

  async #send<Reply>(request: ApiRequest): Promise<Reply> {
    const { status, body } = await this.#transport.send(request)
    if (status >= 400) throw parseProblem(status, body)
    return body as Reply
  }
}

async function* parseEvents(chunks: AsyncIterable<string>): AsyncGenerator<StreamEvent> {
  const parser = new EventParser()
  for await (const chunk of chunks) {
    for (const event of parser.push(chunk)) yield JSON.parse(event.data) as StreamEvent
  }
}

function encodeQuery(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}
