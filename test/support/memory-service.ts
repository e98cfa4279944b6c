/**
 * A node's state in memory, for tests of what stands in front of it: the API and the command line.
 * It stands for another process; the node itself is tested as it is.
 */
import { ConfigError } from '../../node/config-error.ts'
import type {
  AlertSummary,
  AnnounceRequest,
  DiffReply,
  DiffRequest,
  FollowPreview,
  FollowRequest,
  NodeEvent,
  NodeService,
  PeerSummary,
  ProjectSummary,
  GateSummary,
  Priority,
  QueueItem,
  RebuildPlan,
  ReleaseSummary,
  StatementSummary,
  Status,
  VerdictQuery,
  VerdictReply,
} from '../../node/http/node-service.ts'
import type {
  BundleReport,
  LogStatus,
  OperatorLogSummary,
  ProofSummary,
} from '../../node/http/log-summary.ts'
import type {
  Cards,
  OperatorSummary,
  TrustListPreview,
  TrustListRequest,
  TrustRequest,
} from '../../node/http/trust-summary.ts'
import type { ProjectStatistics } from '../../node/http/statistics-summary.ts'
import type { WatchSummary } from '../../node/http/watch-summary.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'

export const IMAGE = 'registry.example/app'
export const DIGEST = `sha256:${'d'.repeat(64)}`
export const SID = `${'ab'.repeat(4)}${'c'.repeat(56)}`
export const KEY = 'e'.repeat(64)
export const OPERATOR = `op1${'a'.repeat(52)}`
export const STRANGER = `op1${'b'.repeat(52)}`

export function makeLogStatus(fields: Partial<LogStatus> = {}): LogStatus {
  return {
    own: {
      origin: `rebuildnet.dev/log/${OPERATOR}/${KEY}/0`,
      size: 3,
      head: { size: 3, time: 1_767_225_600 },
      signing: true,
      whole: true,
      copied: false,
      shared: false,
      halted: false,
      reopened: null,
    },
    clockBehind: null,
    operators: [makeOperatorLog()],
    ...fields,
  }
}

export function makeOperatorLog(fields: Partial<OperatorLogSummary> = {}): OperatorLogSummary {
  return {
    operator: OPERATOR,
    name: 'Ada',
    newestHead: 1_767_225_600,
    ageSeconds: 7200,
    complete: true,
    fresh: true,
    missing: [],
    missingStatements: 0,
    equivocation: null,
    ...fields,
  }
}

export function makeAnswer(fields: Partial<Answer> = {}): Answer {
  return {
    image: IMAGE,
    digest: DIGEST,
    platform: 'linux/amd64',
    version: '1.0.0',
    release: SID,
    inputDigest: '1'.repeat(64),
    verdict: 'reproduced',
    decision: 'allow',
    level: 'normalized',
    flags: [],
    freshness: 'off',
    have: 2,
    need: 2,
    supporters: [
      {
        operator: OPERATOR,
        name: 'Ada',
        groups: ['eu'],
        sids: [SID],
        vote: { kind: 'digest', digest: `rebuildnet/1:${DIGEST}` },
        maps: `rebuildnet/1:${DIGEST}`,
      },
    ],
    dissenters: [],
    unreproduced: [],
    absent: [],
    silent: [],
    retracted: [],
    reasons: ['2 of 2 operators got this image'],
    policyHash: '9'.repeat(64),
    asOf: 1_700_000_000,
    ...fields,
  }
}

export function makeVerdict(...answers: Answer[]): VerdictReply {
  const decisions = answers.map((answer) => answer.decision)
  const decision = decisions.includes('deny')
    ? 'deny'
    : decisions.every((each) => each === 'allow')
      ? 'allow'
      : 'undecided'
  return {
    image: `${IMAGE}@${DIGEST}`,
    decision,
    answers,
    explanation: answers.map((answer) => [...answer.reasons, 'Ada voted for it']),
  }
}

export function makeDiff(a: string, b: string): DiffReply {
  const side = {
    operator: OPERATOR,
    sid: SID,
    manifestDigest: DIGEST,
    digest: `rebuildnet/1:${DIGEST}`,
  }
  return {
    image: IMAGE,
    version: '1.0.0',
    platform: 'linux/amd64',
    level: 'normalized',
    a: { ...side, name: a },
    b: { ...side, name: b },
    equal: 'none',
    count: 1,
    differences: [
      {
        path: 'usr/bin/app',
        layer: 2,
        what: ['content', 'mode'],
        a: { size: 10, content: '1'.repeat(64), mode: '0755' },
        b: { size: 12, content: '2'.repeat(64), mode: '4755' },
      },
    ],
    inputs: [
      {
        uri: 'docker://debian',
        versions: [
          { digests: [`sha256:${'1'.repeat(64)}`], who: ['a'] },
          { digests: [`sha256:${'2'.repeat(64)}`], who: ['b'] },
        ],
      },
    ],
    moved: { sent: 100, received: 2000, peers: 1 },
  }
}

export function makeAlert(fields: Partial<AlertSummary> = {}): AlertSummary {
  return {
    id: 'alert-1',
    kind: 'contradicted',
    severity: 'critical',
    image: IMAGE,
    version: '1.0.0',
    digest: DIGEST,
    platform: 'linux/amd64',
    began: 1_700_000_000,
    ended: null,
    reasons: ['the rebuilders agree with one another and not with the registry'],
    evidence: { sids: [SID], paths: ['usr/bin/app'] },
    ...fields,
  }
}

export function makeGate(fields: Partial<GateSummary> = {}): GateSummary {
  return {
    open: true,
    reasons: [],
    pausedSince: null,
    votingStopped: null,
    scheduleChanges: null,
    ...fields,
  }
}

export function makeQueueItem(fields: Partial<QueueItem> = {}): QueueItem {
  return {
    id: 'item-1',
    release: SID,
    image: IMAGE,
    version: '1.0.0',
    platform: 'linux/amd64',
    state: 'failed',
    attempts: 2,
    stage: 'fetch',
    detail: 'the source is not reachable',
    nextAttempt: null,
    added: 1_700_000_000,
    updated: 1_700_000_100,
    result: null,
    priority: 'normal',
    ...fields,
  }
}

export function makeWatch(fields: Partial<WatchSummary> = {}): WatchSummary {
  return {
    image: IMAGE,
    intervalSeconds: 900,
    lastLook: 1_767_225_600,
    nextLook: 1_767_226_500,
    trouble: null,
    seen: 3,
    tags: [
      {
        source: 'git',
        tag: 'v2',
        version: '2',
        target: 'f'.repeat(40),
        now: null,
        state: 'announced',
        sid: SID,
        why: '',
        at: 1_767_225_600,
      },
    ],
    ...fields,
  }
}

export function makeOperator(fields: Partial<OperatorSummary> = {}): OperatorSummary {
  return {
    id: OPERATOR,
    name: 'Ada',
    groups: ['eu'],
    trusted: true,
    self: false,
    version: 1,
    keys: [KEY],
    expires: 1_800_000_000,
    contact: 'ada@example.org',
    claims: { country: 'DE' },
    trouble: null,
    revocations: [],
    ...fields,
  }
}

export function makeStatement(fields: Partial<StatementSummary> = {}): StatementSummary {
  return {
    sid: SID,
    kind: 'release',
    key: KEY,
    operator: OPERATOR,
    image: IMAGE,
    summary: 'release 1.0.0',
    body: { kind: 'release', version: '1.0.0' },
    envelope: { payloadType: 'application/vnd.in-toto+json' },
    ...fields,
  }
}

export function makeRelease(fields: Partial<ReleaseSummary> = {}): ReleaseSummary {
  return {
    sid: SID,
    image: IMAGE,
    version: '1.0.0',
    commit: 'f'.repeat(40),
    announced: 1_700_000_000,
    announcer: OPERATOR,
    platforms: [{ platform: 'linux/amd64', manifestDigest: DIGEST }],
    verdicts: [makeAnswer()],
    ...fields,
  }
}

export function makeProject(fields: Partial<ProjectSummary> = {}): ProjectSummary {
  return {
    image: IMAGE,
    source: 'git+https://git.example/app',
    platforms: ['linux/amd64'],
    announcers: [OPERATOR],
    builders: ['buildah'],
    profile: 'rebuildnet/1',
    build: true,
    trustRecipe: false,
    priority: 'normal',
    announce: false,
    insecure: [],
    ...fields,
  }
}

function makeStatistics(): ProjectStatistics {
  const none = { count: 0, median: null, p90: null, longest: null }
  const times = { count: 3, median: 600, p90: 7200, longest: 7200 }
  return {
    image: IMAGE,
    releases: { counted: 4, known: 9 },
    images: 4,
    timeToQuorum: { ...times, open: 1 },
    agreement: { results: 9, agreed: 8, unanimous: 2 },
    operators: [{ operator: OPERATOR, name: 'Ada', agreed: 3, dissented: 1, unreproduced: 0 }],
    buildTime: [
      { platform: 'linux/amd64', own: { ...times, count: 1 }, all: times, emulated: none },
    ],
  }
}

export class MemoryService implements NodeService {
  state: Status = {
    version: '0.1.0',
    running: true,
    readOnly: false,
    readOnlyReason: null,
    network: 'test',
    operator: OPERATOR,
    name: 'Ada',
    key: KEY,
    cardExpires: 4_000_000_000,
    cardTrouble: null,
    peerId: '12D3KooWAda',
    listen: ['/ip4/127.0.0.1/tcp/4801'],
    peers: 1,
    statements: 3,
    projects: [IMAGE],
    queue: { waiting: 0, running: 0, failed: 1, gate: makeGate() },
    disk: {
      budgetBytes: 10_737_418_240,
      heldBytes: 3_145_728,
      neededBytes: 1_048_576,
      kinds: { work: 0, logs: 1_048_576, trees: 2_097_152 },
      over: false,
      gone: { items: 0, bytes: 0 },
    },
    openAlerts: 1,
    watches: { projects: 1, troubled: 0 },
    logs: makeLogStatus(),
    builder: 'buildah 1.39',
    isolation: 'rootless',
    policy: { hash: '9'.repeat(64), operators: 2, warnings: [] },
    started: 1_700_000_000,
  }
  reply: VerdictReply = makeVerdict(makeAnswer())
  /** What `diff` answers in place of its own. */
  compared: Partial<DiffReply> = {}
  statementList: StatementSummary[] = [makeStatement()]
  projectList: ProjectSummary[] = [makeProject()]
  queueList: QueueItem[] = [makeQueueItem()]
  readonly paused: object[] = []
  readonly counted: object[] = []
  statisticsList: ProjectStatistics[] = [makeStatistics()]
  readonly pruned: object[] = []
  readonly resumed: object[] = []
  operatorList: OperatorSummary[] = [makeOperator()]
  alertList: AlertSummary[] = [makeAlert()]
  releaseList: ReleaseSummary[] = [makeRelease()]
  /** Thrown by the next call to `verdict`, `announce` or `status`. */
  failure: Error | undefined
  /** `verdict` waits until its signal is aborted. */
  stuck = false
  readonly announced: AnnounceRequest[] = []
  readonly bundles: string[] = []
  proofList: ProofSummary[] = []
  readonly asked: VerdictQuery[] = []
  readonly followed: FollowRequest[] = []
  readonly trusted: TrustRequest[] = []
  readonly adopted: Cards[] = []
  readonly imported: TrustListRequest[] = []
  trustList: TrustListPreview = {
    name: 'eu',
    serial: 3,
    signer: 'SHA256:abc',
    known: true,
    changes: [{ kind: 'added', id: STRANGER, name: 'Bob', groups: ['eu'], before: null }],
    token: 'token',
  }
  readonly #listeners = new Set<(event: NodeEvent) => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  emit(event: NodeEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  async status(): Promise<Status> {
    this.#fail()
    return this.state
  }

  async diff({ release, a, b }: DiffRequest): Promise<DiffReply> {
    if (release !== SID) throw new ConfigError('not-found', `no release "${release}"`)
    return { ...makeDiff(a, b), ...this.compared }
  }

  async verdict(query: VerdictQuery, signal: AbortSignal): Promise<VerdictReply> {
    this.#fail()
    this.asked.push(query)
    if (this.stuck) {
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('given up')), { once: true })
      })
    }
    return this.reply
  }

  async exportBundle({ image }: VerdictQuery): Promise<{ readonly bundle: string }> {
    return { bundle: Buffer.from(`rebuildnet bundle 1\n${image}`).toString('base64') }
  }

  async importBundle(bundle: string): Promise<BundleReport> {
    this.bundles.push(bundle)
    return { questions: [], statements: 1, known: 2, heads: 3, proofs: 0, refused: [] }
  }

  async proofs(operator?: string): Promise<readonly ProofSummary[]> {
    return this.proofList.filter((each) => each.operator === (operator ?? each.operator))
  }

  async statistics(filter: {
    readonly image?: string
    readonly last?: number
  }): Promise<readonly ProjectStatistics[]> {
    this.counted.push(filter)
    return this.statisticsList
  }

  async releases(filter: { readonly image?: string }): Promise<readonly ReleaseSummary[]> {
    return this.releaseList.filter((each) => (filter.image ?? each.image) === each.image)
  }

  async statement(reference: string): Promise<StatementSummary | undefined> {
    return this.statementList.find(
      (each) => each.sid.startsWith(reference) || reference === `${IMAGE}@1.0.0`,
    )
  }

  async log(filter: { readonly image?: string; readonly limit: number }) {
    return this.statementList
      .filter((each) => filter.image === undefined || each.image === filter.image)
      .slice(0, filter.limit)
  }

  async projects(): Promise<readonly ProjectSummary[]> {
    return this.projectList
  }

  async previewFollow(request: FollowRequest): Promise<FollowPreview> {
    return {
      ...makeProject({ build: request.build, trustRecipe: request.trustRecipe }),
      isolation: 'rootless',
      network: 'default',
      diskBytes: 20 * 1024 ** 3,
      replaces: false,
      warnings: ['this machine cannot limit memory'],
    }
  }

  async follow(request: FollowRequest): Promise<ProjectSummary> {
    this.followed.push(request)
    const project = makeProject({ build: request.build, trustRecipe: request.trustRecipe })
    this.projectList = [project]
    return project
  }

  async unfollow(image: string): Promise<void> {
    const rest = this.projectList.filter((each) => each.image !== image)
    if (rest.length === this.projectList.length) {
      throw new ConfigError('not-followed', `${image} is not followed`)
    }
    this.projectList = rest
  }

  async announce(request: AnnounceRequest): Promise<ReleaseSummary> {
    this.#fail()
    this.announced.push(request)
    return makeRelease({ version: request.version })
  }

  watchReplies: readonly WatchSummary[] = [makeWatch()]

  async watches(): Promise<readonly WatchSummary[]> {
    return this.watchReplies
  }

  async pollWatch(image: string): Promise<WatchSummary> {
    const [first] = this.watchReplies
    if (first?.image === image) return first
    throw new ConfigError('not-followed', `the tags of ${image} are not watched here`)
  }

  async withdraw(reference: string, reason: string): Promise<StatementSummary> {
    return makeStatement({ kind: 'withdrawal', summary: `withdrawal of ${reference}: ${reason}` })
  }

  async planRebuild(): Promise<readonly RebuildPlan[]> {
    return [
      {
        image: IMAGE,
        version: '1.0.0',
        platform: 'linux/amd64',
        builder: 'buildah',
        commands: [['buildah', 'build', '--file', 'Docker file']],
        refusals: [],
      },
    ]
  }

  async rebuild(): Promise<readonly QueueItem[]> {
    return [makeQueueItem({ state: 'waiting' })]
  }

  async queue(): Promise<readonly QueueItem[]> {
    return this.queueList
  }

  async retryQueueItem(id: string): Promise<QueueItem> {
    return { ...this.#item(id), state: 'waiting' }
  }

  async cancelQueueItem(id: string): Promise<QueueItem> {
    return { ...this.#item(id), state: 'cancelled' }
  }

  async prioritizeQueueItem(id: string, priority: Priority | null): Promise<QueueItem> {
    return { ...this.#item(id), priority: priority ?? 'normal' }
  }

  async pauseQueue(options: { readonly stop?: boolean }): Promise<GateSummary> {
    this.paused.push(options)
    return makeGate({ open: false, reasons: ['paused by hand'], pausedSince: 1_700_000_000 })
  }

  async resumeQueue(options: { readonly voting?: boolean }): Promise<GateSummary> {
    this.resumed.push(options)
    return makeGate()
  }

  async prune(options: { readonly dryRun?: boolean; readonly olderThan?: number }) {
    this.pruned.push(options)
    return {
      dryRun: options.dryRun ?? false,
      statements: { strangers: 1, notFollowed: 2, cards: 3, kept: 4 },
      alerts: 5,
      queueItems: 6,
      buildLogs: { files: 7, bytes: 8192 },
    }
  }

  async operators(): Promise<readonly OperatorSummary[]> {
    return this.operatorList
  }

  async trust(request: TrustRequest): Promise<OperatorSummary> {
    this.trusted.push(request)
    return makeOperator({ name: request.name ?? 'Ada', groups: request.groups ?? [] })
  }

  async untrust(operator: string): Promise<void> {
    if (!this.operatorList.some((each) => each.id === operator || each.name === operator)) {
      throw new ConfigError('not-found', `no operator ${operator} in the policy`)
    }
    this.operatorList = this.operatorList.filter(
      (each) => each.id !== operator && each.name !== operator,
    )
  }

  async ownCard() {
    return { operator: OPERATOR, card: 'AQID', earlier: [] }
  }

  async adoptCard(request: Cards): Promise<OperatorSummary> {
    this.adopted.push(request)
    return makeOperator({ self: true, version: 2 })
  }

  async logEnd(key: string, size = 5) {
    return { origin: `rebuildnet.dev/log/${OPERATOR}/${key}/0`, size, root: SID }
  }

  async previewTrustList(request: TrustListRequest): Promise<TrustListPreview> {
    return { ...this.trustList, known: this.trustList.known || request.signer !== undefined }
  }

  async importTrustList(request: TrustListRequest & { readonly token: string }) {
    this.imported.push(request)
    return this.previewTrustList(request)
  }

  async peers(): Promise<readonly PeerSummary[]> {
    return [
      {
        peerId: '12D3KooWBob',
        addresses: ['/ip4/10.0.0.2/tcp/4801'],
        direction: 'outbound',
        agent: 'rebuildnet/0.1.0',
        score: 1.5,
        connectedSince: 1_700_000_000,
      },
    ]
  }

  async alerts(filter: { readonly open?: boolean }): Promise<readonly AlertSummary[]> {
    return this.alertList.filter((each) => filter.open !== true || each.ended === null)
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #item(id: string): QueueItem {
    const item = this.queueList.find((each) => each.id === id)
    if (item === undefined) throw new ConfigError('not-found', `no rebuild ${id} on the queue`)
    return item
  }

  #fail(): void {
    const failure = this.failure
    this.failure = undefined
    if (failure !== undefined) throw failure
  }
}
