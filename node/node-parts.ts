/** The parts that node/node.ts has wired, as the service sees them. */
import type { Crypto } from '../protocol/crypto.ts'
import type { OperatorId, Sid } from '../protocol/identifiers.ts'
import type { EquivocationProof } from '../protocol/log/equivocation.ts'
import type { Head } from '../protocol/log/head.ts'
import type { SignedStatement, StatementBody } from '../protocol/statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { AlertBook } from './alert/alert-book.ts'
import type { BlindVotes } from './blind-votes.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import type { DiskBudget } from './disk-budget.ts'
import type { Divergences } from './divergences.ts'
import type { NodeEvent } from './http/node-service.ts'
import type { Acceptance } from './network/admission.ts'
import type { Logger } from './logger.ts'
import type { Logs } from './logs.ts'
import type { OperatorIdentity } from './operator-identity.ts'
import type { PolicyFile } from './policy-file.ts'
import type { ProjectFiles } from './project-files.ts'
import type { MachineWatch } from './machine-watch.ts'
import type { BuildJournal } from './rebuild/build-journal.ts'
import type { Pruning } from './pruning.ts'
import type { Queue } from './rebuild/queue.ts'
import type { QueueGate } from './rebuild/queue-gate.ts'
import type { Signers } from './signers.ts'
import type { Store } from './store/store.ts'
import type { Tally } from './tally.ts'
import type { StoredWalk } from './tree/stored-walk.ts'
import type { TreeStore } from './tree/tree-store.ts'
import type { Workshop } from './workshop.ts'

/** The running network, or nothing where a command answers from the data folder alone. */
export interface NodeNetwork {
  readonly peerId: string
  addresses(): readonly string[]
  peers(): readonly {
    readonly peerId: string
    readonly addresses: readonly string[]
    readonly direction: 'inbound' | 'outbound'
    readonly agent: string | null
    readonly score: number
    readonly connectedSince: number
  }[]
  publish(statement: SignedStatement, bytes: Uint8Array): Promise<void>
  /** Tells the peers of an own head, which is on the disk already. */
  publishHead(head: Head): Promise<void>
  publishProof(proof: EquivocationProof): Promise<void>
  /** Asks peers for objects of trees until the walk wants no more, or none of them has more. */
  walkTrees(
    walk: StoredWalk,
    signal: AbortSignal,
  ): Promise<{ readonly peers: number; readonly sent: number; readonly received: number }>
  /** Asks peers for what is missing: after a project or an operator has been added. */
  sync(): Promise<void>
}

export interface NodeParts {
  readonly folder: DataFolder
  readonly config: Config
  readonly identity: OperatorIdentity
  readonly store: Store
  readonly signers: Signers
  readonly logs: Logs
  readonly admission: { accept(statement: SignedStatement, bytes: Uint8Array): Promise<Acceptance> }
  readonly projects: ProjectFiles
  readonly policy: PolicyFile
  readonly tally: Tally
  readonly alerts: AlertBook
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
  readonly network: NodeNetwork | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: Crypto
  readonly started: number
  /** Operators that the user named: in the policy, in project files, and this one. */
  wanted(): ReadonlySet<OperatorId>
  /** Signs, stores durably and logs, and only then tells the network. */
  publish(body: Exclude<StatementBody, OperatorCard>): Promise<Sid>
  /** A statement that came in by hand, such as a trusted operator's card. */
  take(bytes: Uint8Array): Promise<SignedStatement>
  emit(event: NodeEvent): void
  subscribe(listener: (event: NodeEvent) => void): () => void
  /** After a project, the policy or a card has changed: ask everything of these images again. */
  reconsider(images: readonly string[]): void
}
