/**
 * The book of alerts: when the verdict on a published manifest became a bad one, and when it ended.
 *
 * For one manifest and platform at most one alert is open, and one of a kind for an operator. It begins once, however often the same
 * verdict is observed and however often the node is restarted; another bad verdict ends it and
 * begins the next; any other verdict ends it. Alert and deliveries are one batch: either both are
 * on the disk or neither, and then the next observation begins it.
 */
import type { ImageName, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import type { Logger } from '../logger.ts'
import {
  alertKindOf,
  evidenceOf,
  severityOf,
  type Alert,
  type AlertEvent,
  type AlertEvidence,
  type AlertKind,
  type OperatorAlertKind,
  type OperatorFinding,
  type TagFinding,
} from './alert.ts'
import type { RecordChange } from '../record-change.ts'
import type { AlertStore } from './alert-store.ts'
import type { Outbox } from './outbox.ts'
import { Turns } from '../turns.ts'

export interface AlertBookComponents {
  readonly store: AlertStore
  readonly outbox: Outbox
  readonly logger: Logger
}

export interface AlertFilter {
  /** True: those that last; false: those that ended. */
  readonly open?: boolean
}

export type AlertListener = (event: AlertEvent) => void

const ID_DIGITS = 8

export class AlertBook {
  readonly #components: AlertBookComponents
  readonly #open = new Map<string, Alert>()
  readonly #listeners = new Set<AlertListener>()
  #nextNumber = 1
  /** Observations take their turn: two at once must not begin one alert twice. */
  readonly #turns = new Turns()

  constructor(components: AlertBookComponents) {
    this.#components = components
  }

  /** Reads what is stored; before anything else. */
  async load(): Promise<void> {
    for (const alert of await this.#stored()) {
      this.#nextNumber = Math.max(this.#nextNumber, Number(alert.id) + 1)
      if (alert.ended === null) this.#open.set(subjectOf(alert), alert)
    }
    await this.#components.outbox.load()
  }

  /**
   * Takes note of an answer, changed or not. What began or ended by it is on the disk, and queued
   * for every sink, when this resolves.
   */
  observe(
    answer: Answer,
    evidence: AlertEvidence = evidenceOf(answer),
  ): Promise<readonly AlertEvent[]> {
    return this.#turns.take(() => this.#observe(answer, evidence))
  }

  /**
   * Takes note of all that is found of one kind about operators now: what is new begins, what is
   * not found any more ends.
   */
  observeOperators(
    kind: OperatorAlertKind,
    found: readonly OperatorFinding[],
    now: UnixSeconds,
  ): Promise<readonly AlertEvent[]> {
    return this.#turns.take(() => this.#observeOperators(kind, found, now))
  }

  /** Takes note of all tags of one project that are not announced now, and why. */
  observeTags(
    image: ImageName,
    found: readonly TagFinding[],
    now: UnixSeconds,
  ): Promise<readonly AlertEvent[]> {
    const kind = 'not-announced'
    const findings = found.map((finding) => ({ ...finding, kind, image }) as const)
    const isMeant = (alert: Alert): boolean => alert.kind === kind && alert.image === image
    return this.#turns.take(() => this.#settle(isMeant, findings, now))
  }

  /** In the order in which they began. */
  async list(filter: AlertFilter = {}): Promise<readonly Alert[]> {
    if (filter.open === true) return [...this.#open.values()].sort(byId)
    const stored = await this.#stored()
    return filter.open === false ? stored.filter(({ ended }) => ended !== null) : stored
  }

  /** Lets go of those that ended before; returns how many there are. The newest one keeps the count. */
  forgetEnded(before: UnixSeconds, { dryRun }: { readonly dryRun: boolean }): Promise<number> {
    return this.#turns.take(async () => {
      const { store } = this.#components
      const old = (await this.#stored())
        .slice(0, -1)
        .filter(({ ended }) => ended !== null && ended < before)
      if (!dryRun) await store.write(old.map(({ id }) => store.alerts.deleting(id)))
      return old.length
    })
  }

  /** How many alerts last. */
  get openCount(): number {
    return this.#open.size
  }

  /** Calls the listener with what begins and ends, until the returned function is called. */
  subscribe(listener: AlertListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #observe(answer: Answer, evidence: AlertEvidence): Promise<readonly AlertEvent[]> {
    const subject = subjectOf(answer)
    const open = this.#open.get(subject)
    const kind = alertKindOf(answer.verdict)
    if (open !== undefined && open.kind === kind) {
      await this.#update(open, answer, evidence)
      return []
    }
    if (open === undefined && kind === undefined) return []
    if (open !== undefined && kind === undefined && isOnlyWithdrawn(open, answer)) return []

    const events: AlertEvent[] = []
    if (open !== undefined) {
      // Clocks may be set back; an alert does not end before it began.
      const ended = Math.max(open.began, answer.asOf)
      events.push({ type: 'ended', alert: { ...open, ended } })
    }
    if (kind !== undefined) {
      events.push({ type: 'began', alert: makeAlert(this.#nextId(), kind, answer, evidence) })
    }
    return this.#take(events)
  }

  #observeOperators(
    kind: OperatorAlertKind,
    found: readonly OperatorFinding[],
    now: UnixSeconds,
  ): Promise<readonly AlertEvent[]> {
    return this.#settle(
      (alert) => alert.kind === kind,
      found.map(({ operator, reasons }) => ({ kind, operator, reasons })),
      now,
    )
  }

  /** Of the open alerts that are meant, those that were not found now end; what is new begins. */
  async #settle(
    isMeant: (alert: Alert) => boolean,
    found: readonly Finding[],
    now: UnixSeconds,
  ): Promise<readonly AlertEvent[]> {
    const subjects = new Set(found.map((finding) => subjectOf(emptyAlert(finding))))
    const events: AlertEvent[] = []
    for (const [subject, alert] of this.#open) {
      if (!isMeant(alert) || subjects.has(subject)) continue
      events.push({ type: 'ended', alert: { ...alert, ended: Math.max(alert.began, now) } })
    }
    for (const finding of found) {
      const alert = { ...emptyAlert(finding), began: now }
      if (this.#open.has(subjectOf(alert))) continue
      events.push({ type: 'began', alert: { ...alert, id: this.#nextId() } })
    }
    return events.length === 0 ? [] : this.#take(events)
  }

  #nextId(): string {
    return String(this.#nextNumber++).padStart(ID_DIGITS, '0')
  }

  /** Writes down what began and ended, and only then tells of it. */
  async #take(events: readonly AlertEvent[]): Promise<readonly AlertEvent[]> {
    await this.#record(events)
    for (const { type, alert } of events) {
      if (type === 'began') this.#open.set(subjectOf(alert), alert)
      else this.#open.delete(subjectOf(alert))
    }
    this.#tell(events)
    return events
  }

  async #record(events: readonly AlertEvent[]): Promise<void> {
    const { store, outbox } = this.#components
    const changes: RecordChange[] = events.map(({ alert }) => store.alerts.putting(alert.id, alert))
    await store.write([...changes, ...outbox.queueing(events)], { sync: true })
    outbox.announce()
  }

  /** The same alert, of which more is known: more rebuilders, more paths. Nobody is woken for it. */
  async #update(open: Alert, answer: Answer, evidence: AlertEvidence): Promise<void> {
    const updated: Alert = { ...makeAlert(open.id, open.kind, answer, evidence), began: open.began }
    if (JSON.stringify(updated) === JSON.stringify(open)) return
    const { store } = this.#components
    await store.write([store.alerts.putting(open.id, updated)])
    this.#open.set(subjectOf(open), updated)
  }

  #tell(events: readonly AlertEvent[]): void {
    for (const event of events) {
      for (const listener of this.#listeners) {
        try {
          listener(event)
        } catch (error) {
          this.#components.logger.error({ error: String(error) }, 'a listener of alerts failed')
        }
      }
    }
  }

  async #stored(): Promise<readonly Alert[]> {
    return (await this.#components.store.alerts.all()) as readonly Alert[]
  }
}

function byId(a: Alert, b: Alert): number {
  return a.id < b.id ? -1 : 1
}

type Subject = Pick<Alert, 'image' | 'digest' | 'platform'> &
  Partial<Pick<Alert, 'kind' | 'operator' | 'version'>>

function subjectOf({ image, digest, platform, kind, operator, version }: Subject): string {
  if (operator !== undefined) return `${kind ?? ''} ${operator}`
  if (kind === 'not-announced') return `${kind} ${image ?? ''} ${version ?? ''}`
  return `${image ?? ''}@${digest ?? ''} ${platform ?? ''}`
}

/** What is found about an operator, or about a version of a project. */
type Finding = Pick<Alert, 'kind' | 'reasons'> &
  Partial<Pick<Alert, 'operator' | 'image' | 'version'>>

function emptyAlert({ kind, reasons, operator, image = null, version = '' }: Finding): Alert {
  return {
    id: '',
    kind,
    severity: severityOf(kind),
    image,
    version,
    digest: null,
    platform: null,
    ...(operator === undefined ? {} : { operator }),
    began: 0,
    ended: null,
    reasons,
    evidence: { sids: [], paths: [] },
  }
}

/** An announcer who takes a release back does not make what was found about it undone. */
function isOnlyWithdrawn(open: Alert, answer: Answer): boolean {
  return (
    open.kind === 'contradicted' &&
    answer.flags.includes('withdrawn') &&
    (answer.verdict === 'pending' || answer.verdict === 'unknown')
  )
}

function makeAlert(id: string, kind: AlertKind, answer: Answer, evidence: AlertEvidence): Alert {
  return {
    id,
    kind,
    severity: severityOf(kind),
    image: answer.image,
    version: answer.version ?? '',
    digest: answer.digest,
    platform: answer.platform,
    began: answer.asOf,
    ended: null,
    reasons: answer.reasons,
    evidence,
  }
}
