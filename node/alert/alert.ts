/**
 * An alert: one stretch of time in which the verdict on one published manifest was a bad one, or in
 * which something was wrong with the log of one operator.
 *
 * `contradicted` is the alarm that this system exists for: rebuilders agree with one another and
 * not with the registry. `equivocation` says that an operator told two histories, `log-reopened`
 * that this node had lost the end of its own log, `shared-key` that another node signs with the key of
 * this one, `unstable-machine` that this node has stopped voting
 * because its builds differ where those of others agree, `not-announced` that a new tag of a project
 * which this node announces by itself was moved, is not signed, or cannot be announced.
 * node/alert/README.md.
 */
import type {
  Digest,
  ImageName,
  OperatorId,
  Platform,
  Sid,
  UnixSeconds,
} from '../../protocol/identifiers.ts'
import type { Answer, VerdictName } from '../../protocol/verdict/answer.ts'

const VERDICT_KINDS = ['contradicted', 'diverged', 'unreproducible'] as const
type VerdictAlertKind = (typeof VERDICT_KINDS)[number]
export type OperatorAlertKind = 'equivocation' | 'log-reopened' | 'shared-key' | 'unstable-machine'
export type AlertKind = VerdictAlertKind | OperatorAlertKind | 'not-announced'
export type AlertSeverity = 'critical' | 'warning'

/** What a person looks at first. */
export interface AlertEvidence {
  /** The statements that show it. */
  readonly sids: readonly Sid[]
  /** Escaped paths of the files that differ, as far as rebuilders named them. */
  readonly paths: readonly string[]
}

export interface Alert {
  /** Alerts are numbered in the order in which they began. */
  readonly id: string
  readonly kind: AlertKind
  readonly severity: AlertSeverity
  /** Null where it is about an operator, as are digest and platform. */
  readonly image: ImageName | null
  readonly version: string
  readonly digest: Digest | null
  readonly platform: Platform | null
  /** Whose log it is about; absent where it is about an image. */
  readonly operator?: OperatorId
  readonly began: UnixSeconds
  /** Null while it lasts. */
  readonly ended: UnixSeconds | null
  readonly reasons: readonly string[]
  readonly evidence: AlertEvidence
}

export interface AlertEvent {
  readonly type: 'began' | 'ended'
  readonly alert: Alert
}

const SEVERITIES: Readonly<Record<AlertKind, AlertSeverity>> = {
  contradicted: 'critical',
  diverged: 'warning',
  unreproducible: 'warning',
  equivocation: 'critical',
  'log-reopened': 'warning',
  'shared-key': 'critical',
  'unstable-machine': 'critical',
  'not-announced': 'warning',
}

const MAX_PATHS = 20

export function severityOf(kind: AlertKind): AlertSeverity {
  return SEVERITIES[kind]
}

/** Something that is wrong with an operator's log. */
export interface OperatorFinding {
  readonly operator: OperatorId
  readonly reasons: readonly string[]
}

/** Why a tag of a project was not announced. */
export interface TagFinding {
  readonly version: string
  readonly reasons: readonly string[]
}

/** The alert that a verdict asks for, if any. */
export function alertKindOf(verdict: VerdictName): AlertKind | undefined {
  return VERDICT_KINDS.find((kind) => kind === verdict)
}

/** What an answer itself says in evidence: whose votes it counted, and the files they name. */
export function evidenceOf(answer: Answer): AlertEvidence {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  const paths = voices.flatMap(({ differences }) => differences?.paths ?? [])
  return {
    sids: [...new Set(voices.flatMap(({ sids }) => sids))],
    paths: [...new Set(paths)].slice(0, MAX_PATHS),
  }
}
