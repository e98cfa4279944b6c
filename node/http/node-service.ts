/**
 * What the HTTP API serves: the node as its callers see it. node/node.ts implements it.
 *
 * The same service answers over the unix socket of a running node, and inside the command's own
 * process where no node runs (without network and queue then). All values are plain JSON.
 */
import type {
  Digest,
  ImageName,
  KeyHex,
  OperatorId,
  Platform,
  Sid,
  UnixSeconds,
} from '../../protocol/identifiers.ts'
import type { DifferingInput } from '../../protocol/differing-inputs.ts'
import type { Difference } from '../../protocol/normalize/diff.ts'
import type { Revocation } from '../../protocol/revocation.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import type { DiskSummary } from './disk-summary.ts'
import type { OperatorLogSummary, LogStatus, ProofSummary, BundleReport } from './log-summary.ts'
import type {
  OperatorSummary,
  Cards,
  TrustListRequest,
  TrustListPreview,
  TrustRequest,
} from './trust-summary.ts'
import type { ProjectStatistics } from './statistics-summary.ts'
import type { WatchSummary } from './watch-summary.ts'

export interface Status {
  readonly version: string
  /** False where the command answers from the data folder without a running node. */
  readonly running: boolean
  readonly readOnly: boolean
  /** Why the store takes nothing in, and what to do, in one sentence; null where it does. */
  readonly readOnlyReason: string | null
  readonly network: string
  readonly operator: OperatorId
  readonly name: string
  readonly key: KeyHex
  /** From when on nobody believes what this node signs. */
  readonly cardExpires: UnixSeconds
  /**
   * Why it is not what others go by: it is proven that the operator told two histories, a newer card
   * lists the key of this node no more, or another card of one version was made with the root key.
   */
  readonly cardTrouble: 'two-histories' | 'key-dropped' | 'two-cards' | null
  readonly peerId: string
  readonly listen: readonly string[]
  readonly peers: number
  readonly statements: number
  readonly projects: readonly ImageName[]
  readonly queue: {
    readonly waiting: number
    readonly running: number
    readonly failed: number
    readonly gate: GateSummary
  }
  readonly disk: DiskSummary
  readonly openAlerts: number
  /** Projects whose new releases are announced by themselves, and how many could not be looked at. */
  readonly watches: { readonly projects: number; readonly troubled: number }
  readonly logs: LogStatus
  readonly builder: string | null
  readonly isolation: string | null
  readonly policy: {
    readonly hash: string
    readonly operators: number
    readonly warnings: readonly string[]
  }
  readonly started: UnixSeconds
}

/** Whether builds may begin at this node. */
export interface GateSummary {
  readonly open: boolean
  /** Why none begins, one sentence each; empty where it is open. */
  readonly reasons: readonly string[]
  readonly pausedSince: UnixSeconds | null
  /** This node votes no more until its operator has looked at the machine. */
  readonly votingStopped: {
    readonly since: UnixSeconds
    readonly reasons: readonly string[]
  } | null
  /** When the hours of the schedule begin or end next; null where there is no schedule. */
  readonly scheduleChanges: UnixSeconds | null
}

export type Priority = 'high' | 'normal' | 'low'

export interface VerdictQuery {
  /** `host/path:tag`, `host/path@sha256:…` or both. */
  readonly image: string
  /** The host's platform where absent; `all` asks for every platform of an index. */
  readonly platform?: string
  /** Registries that may be plain http or private addresses, for this question alone. */
  readonly insecure?: readonly string[]
}

/** One answer a platform; `decision` is allow only where every one of them is. */
export interface VerdictReply {
  /** The reference with the digest that its tag was resolved to. */
  readonly image: string
  readonly decision: Answer['decision']
  readonly answers: readonly Answer[]
  /** explainAnswer of each, in order. */
  readonly explanation: readonly (readonly string[])[]
  /** How up to date this node is about the policy's operators, as far as these images go. */
  readonly logs?: readonly OperatorLogSummary[]
  /** Of the policy that decided, such as that it can never allow. */
  readonly warnings?: readonly string[]
}

export interface DiffRequest {
  /** Sid prefix or IMAGE@VERSION. */
  readonly release: string
  /** An operator's name, or its id from the front on; `published` for the image as published. */
  readonly a: string
  readonly b: string
  /** Needed where the release is for several. */
  readonly platform?: string
}

export interface DiffSide {
  /** Null for what was published. */
  readonly operator: OperatorId | null
  readonly name: string | null
  /** The statement that says so. */
  readonly sid: Sid
  readonly manifestDigest: Digest
  /** The normalized digest, or why there is none. */
  readonly digest: string
}

export interface DiffReply {
  readonly image: ImageName
  readonly version: string
  readonly platform: Platform
  readonly level: 'normalized' | 'rootfs'
  readonly a: DiffSide
  readonly b: DiffSide
  /** Inputs that `a` and `b` have both recorded, and that were not the same. */
  readonly inputs: readonly DifferingInput[]
  readonly equal: 'normalized' | 'rootfs' | 'none'
  /** How many there are; `differences` has the first of them. */
  readonly count: number
  readonly differences: readonly Difference[]
  readonly moved: { readonly sent: number; readonly received: number; readonly peers: number }
}

export interface ReleaseSummary {
  readonly sid: Sid
  readonly image: ImageName
  readonly version: string
  readonly commit: string
  readonly announced: UnixSeconds
  readonly announcer: OperatorId | null
  readonly platforms: readonly {
    readonly platform: Platform
    readonly manifestDigest: Digest | null
  }[]
  readonly verdicts: readonly Answer[]
}

export interface ProjectSummary {
  readonly image: ImageName
  readonly source: string
  readonly platforms: readonly Platform[]
  readonly announcers: readonly OperatorId[]
  readonly builders: readonly string[]
  readonly profile: string
  /** False for those who only ask or watch. */
  readonly build: boolean
  readonly trustRecipe: boolean
  readonly priority: Priority
  readonly insecure: readonly string[]
  /** Whether this node announces its new releases by itself. */
  readonly announce: boolean
}

export interface FollowRequest {
  /** The project file's text (TOML). */
  readonly projectFile: string
  readonly build: boolean
  readonly trustRecipe: boolean
  /** As it was, or `normal`, where absent. */
  readonly priority?: Priority
  /** Announce new releases by the file's watch rules; as it was, or not, where absent. */
  readonly announce?: boolean
}

/** What `follow` shows before it asks; nothing has been changed yet. */
export interface FollowPreview extends ProjectSummary {
  readonly isolation: string
  readonly network: string
  readonly diskBytes: number
  readonly replaces: boolean
  readonly warnings: readonly string[]
}

export interface AnnounceRequest {
  readonly image: ImageName
  readonly version: string
  /** A git commit, or a ref that is resolved now. */
  readonly commit?: string
  readonly ref?: string
  /** Published image; its digests go into the release. Absent: a blind announcement. */
  readonly published?: string
  /** The blind release that this one publishes. */
  readonly publishes?: Sid
}

export interface QueueItem {
  readonly id: string
  readonly release: Sid
  readonly image: ImageName
  readonly version: string
  readonly platform: Platform
  readonly state: 'waiting' | 'running' | 'retrying' | 'done' | 'failed' | 'cancelled'
  readonly attempts: number
  readonly stage: string
  /** Last line of progress, or why it failed. */
  readonly detail: string
  readonly nextAttempt: UnixSeconds | null
  readonly added: UnixSeconds
  readonly updated: UnixSeconds
  readonly result: Sid | null
  /** File of the last build's log; absent where nothing was built. */
  readonly log?: string
  /** The first of them goes first; its project's where it was given none. */
  readonly priority: Priority
}

/** What was pruned, or would be. */
export interface PruneReport {
  readonly dryRun: boolean
  readonly statements: {
    /** Of signers whom nobody here named or voted with. */
    readonly strangers: number
    /** About images that are not followed. */
    readonly notFollowed: number
    readonly cards: number
    readonly kept: number
  }
  readonly alerts: number
  readonly queueItems: number
  readonly buildLogs: { readonly files: number; readonly bytes: number }
}

export interface PeerSummary {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly direction: 'inbound' | 'outbound'
  readonly agent: string | null
  readonly score: number
  readonly connectedSince: UnixSeconds
}

type AlertKind =
  | 'contradicted'
  | 'diverged'
  | 'unreproducible'
  | 'equivocation'
  | 'log-reopened'
  | 'shared-key'
  | 'unstable-machine'
  | 'not-announced'

export interface AlertSummary {
  readonly id: string
  readonly kind: AlertKind
  readonly severity: 'critical' | 'warning'
  /** Null where it is about an operator, as are digest and platform. */
  readonly image: ImageName | null
  readonly version: string
  readonly digest: Digest | null
  readonly platform: Platform | null
  readonly operator?: OperatorId
  readonly began: UnixSeconds
  /** Null while it lasts. */
  readonly ended: UnixSeconds | null
  readonly reasons: readonly string[]
  /** Statements that show it, and the files that differ. */
  readonly evidence: { readonly sids: readonly Sid[]; readonly paths: readonly string[] }
}

export interface StatementSummary {
  readonly sid: Sid
  readonly kind: 'release' | 'rebuild' | 'commitment' | 'withdrawal' | 'operator'
  readonly key: KeyHex
  readonly operator: OperatorId | null
  readonly image: ImageName | null
  readonly summary: string
  /** The parsed body, as protocol/ names its fields. */
  readonly body: unknown
  /** DSSE JSON envelope, for other tools. */
  readonly envelope: unknown
}

export type NodeEvent =
  | { readonly type: 'statement'; readonly data: StatementSummary }
  | { readonly type: 'verdict'; readonly data: Answer }
  | { readonly type: 'alert'; readonly data: AlertSummary }
  | { readonly type: 'queue'; readonly data: QueueItem }
  | { readonly type: 'watch'; readonly data: WatchSummary }
  | {
      readonly type: 'peer'
      readonly data: { readonly peerId: string; readonly state: 'connected' | 'disconnected' }
    }

export interface RebuildPlan {
  readonly image: ImageName
  readonly version: string
  readonly platform: Platform
  readonly builder: string
  /** The exact commands, one argv each. */
  readonly commands: readonly (readonly string[])[]
  /** Why this node would refuse to build it; empty where it would not. */
  readonly refusals: readonly string[]
}

export interface NodeService {
  status(): Promise<Status>
  verdict(query: VerdictQuery, signal: AbortSignal): Promise<VerdictReply>
  /** The evidence for an image as one file, in base64. */
  exportBundle(query: VerdictQuery, signal: AbortSignal): Promise<{ readonly bundle: string }>
  importBundle(bundle: string): Promise<BundleReport>
  /** Proofs of equivocation that are kept, of one operator (its id, or the beginning of it) or all; bytes in base64. */
  proofs(operator?: string): Promise<readonly ProofSummary[]>
  /** What two operators got for one release, file by file, over the network where it must be. */
  diff(request: DiffRequest, signal: AbortSignal): Promise<DiffReply>
  releases(filter: { readonly image?: string }): Promise<readonly ReleaseSummary[]>
  /** How it went with the newest releases of the followed projects, or of one: so many of each. */
  statistics(filter: {
    readonly image?: string
    readonly last?: number
  }): Promise<readonly ProjectStatistics[]>
  /** By full sid, a prefix of 8 hex digits or more, or IMAGE@VERSION for a release; throws where ambiguous. */
  statement(reference: string): Promise<StatementSummary | undefined>
  /** Own statements in the order of publication. */
  log(filter: {
    readonly image?: string
    readonly limit: number
  }): Promise<readonly StatementSummary[]>
  projects(): Promise<readonly ProjectSummary[]>
  previewFollow(request: FollowRequest): Promise<FollowPreview>
  follow(request: FollowRequest): Promise<ProjectSummary>
  unfollow(image: string): Promise<void>
  announce(request: AnnounceRequest, signal: AbortSignal): Promise<ReleaseSummary>
  withdraw(reference: string, reason: string): Promise<StatementSummary>
  /** The projects whose new releases this node announces by itself. */
  watches(): Promise<readonly WatchSummary[]>
  /** Looks at a project's tags now. */
  pollWatch(image: string, signal: AbortSignal): Promise<WatchSummary>
  planRebuild(reference: string, platform?: string): Promise<readonly RebuildPlan[]>
  rebuild(reference: string, platform?: string): Promise<readonly QueueItem[]>
  queue(): Promise<readonly QueueItem[]>
  retryQueueItem(id: string): Promise<QueueItem>
  cancelQueueItem(id: string): Promise<QueueItem>
  /** Null as priority: its project's again. */
  prioritizeQueueItem(id: string, priority: Priority | null): Promise<QueueItem>
  /** Nothing begins any more; with `stop` what runs is put back as well. */
  pauseQueue(options: { readonly stop?: boolean }): Promise<GateSummary>
  /** With `voting` this node votes again as well: its operator has looked at the machine. */
  resumeQueue(options: { readonly voting?: boolean }): Promise<GateSummary>
  /** Lets go of what no verdict needs, and of old logs; older than so many seconds. */
  prune(options: { readonly dryRun?: boolean; readonly olderThan?: number }): Promise<PruneReport>
  operators(): Promise<readonly OperatorSummary[]>
  trust(request: TrustRequest): Promise<OperatorSummary>
  untrust(operator: string): Promise<void>
  /** This node's own card, and those before it. */
  ownCard(): Promise<{ readonly operator: OperatorId } & Required<Cards>>
  /** Puts a newer card of the own operator in the place of the one here. */
  adoptCard(request: Cards): Promise<OperatorSummary>
  /** Where the newest log of a key of the own operator stands, or stood at a smaller size. */
  logEnd(key: KeyHex, size?: number): Promise<Revocation>
  previewTrustList(request: TrustListRequest): Promise<TrustListPreview>
  importTrustList(request: TrustListRequest & { readonly token: string }): Promise<TrustListPreview>
  peers(): Promise<readonly PeerSummary[]>
  alerts(filter: { readonly open?: boolean }): Promise<readonly AlertSummary[]>
  /** Calls the listener until the returned function is called. */
  subscribe(listener: (event: NodeEvent) => void): () => void
}
