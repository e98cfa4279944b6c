/**
 * An alert: one stretch of time in which the verdict on one published manifest was a bad one.
 *
 * `contradicted` is the alarm that this system exists for: rebuilders agree with one another and
 * not with the registry. The others say that they do not agree at all. node/alert/README.md.
 */
import type { Digest, ImageName, Platform, Sid, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Answer, VerdictName } from '../../protocol/verdict/answer.ts'

const ALERT_KINDS = ['contradicted', 'diverged', 'unreproducible'] as const
export type AlertKind = (typeof ALERT_KINDS)[number]
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
  readonly image: ImageName
  readonly version: string
  readonly digest: Digest
  readonly platform: Platform
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
}

const MAX_PATHS = 20

export function severityOf(kind: AlertKind): AlertSeverity {
  return SEVERITIES[kind]
}

/** The alert that a verdict asks for, if any. */
export function alertKindOf(verdict: VerdictName): AlertKind | undefined {
  return ALERT_KINDS.find((kind) => kind === verdict)
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
