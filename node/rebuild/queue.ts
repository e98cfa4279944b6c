/**
 * The rebuild queue: persistent, deduplicated, resumable.
 *
 * What was running when the process died is waiting again at the next start, and its published
 * result, if there is one, ends it. What begins next is decided by priority, then by age, and only
 * while the gate is open. Infrastructure failures are tried again with backoff and
 * jitter: snapshot archives throttle, and a fleet that retries in step throttles itself.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { ImageName, UnixSeconds } from '../../protocol/identifiers.ts'
import { unixSeconds } from '../clock.ts'
import { PRIORITIES, queueItemId, type Priority, type QueueItem } from './queue-item.ts'

interface QueueTable {
  get(id: string): Promise<QueueItem | undefined>
  put(id: string, item: QueueItem): Promise<void>
  delete(id: string): Promise<void>
  all(): Promise<readonly QueueItem[]>
}

/** How one attempt ended. */
export type AttemptEnd = (
  | { readonly kind: 'published'; readonly sid: string; readonly summary: string }
  /** Not the recipe's fault: to be tried again. */
  | {
      readonly kind: 'infrastructure'
      readonly reason: string
      readonly retryAfterSeconds?: number
    }
  /** This node does not build it, and trying again would not change that. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Its turn has not come: to be looked at again then, and not an attempt. */
  | { readonly kind: 'later'; readonly until: UnixSeconds; readonly reason: string }
  /** Enough others have done it. */
  | { readonly kind: 'left-to-others'; readonly reason: string }
) & {
  /** File of the last build's log, where something was built. */
  readonly log?: string
}

export type AttemptProgress = (stage: string, detail: string) => void

/** Whether builds may begin; node/rebuild/queue-gate.ts. */
interface Gate {
  readonly isOpen: boolean
  readonly endsRunning: boolean
  millisecondsToChange(): number | undefined
  subscribe(listener: () => void): void
}

export interface QueueComponents {
  readonly table: QueueTable
  readonly gate: Gate
  /** What items of this project have that were given no priority by hand. */
  readonly priorityOf: (image: ImageName) => Priority
  readonly clock: Clock
  readonly logger: Logger
  /** Does the work. Throws only for a broken invariant, or the signal's reason. */
  readonly attempt: (
    item: QueueItem,
    progress: AttemptProgress,
    signal: AbortSignal,
  ) => Promise<AttemptEnd>
  /** From 0 to 1; the jitter of retries. */
  readonly random: () => number
  readonly changed: (item: QueueItem) => void
}

export interface QueueOptions {
  readonly concurrency: number
  readonly retryBaseSeconds: number
  readonly retryMaxSeconds: number
  /** Attempts before an infrastructure failure is given up; `queue retry` starts anew. */
  readonly maxAttempts: number
}

const defaultQueueOptions: QueueOptions = Object.freeze({
  concurrency: 1,
  retryBaseSeconds: 60,
  retryMaxSeconds: 6 * 3600,
  maxAttempts: 12,
})

const CANCELLED = new Error('cancelled by hand')
const FINISHED: readonly QueueItem['state'][] = ['done', 'failed', 'cancelled']
const PUT_BACK = new Error('builds were stopped')
/** The clock on the wall may be set, or the machine sleep: no timer is trusted for longer. */
const MAX_GATE_WAIT_MS = 600_000

function cancelled(item: QueueItem): QueueItem {
  return { ...item, state: 'cancelled', detail: CANCELLED.message, nextAttempt: null }
}

export class Queue {
  readonly #components: QueueComponents
  readonly #options: QueueOptions
  readonly #running = new Map<string, { abort: AbortController; done: Promise<void> }>()
  readonly #items = new Map<string, QueueItem>()
  #timer: NodeJS.Timeout | undefined
  #gateTimer: NodeJS.Timeout | undefined
  #started = false

  constructor(components: QueueComponents, options: Partial<QueueOptions> = {}) {
    this.#components = components
    this.#options = { ...defaultQueueOptions, ...options }
    components.gate.subscribe(() => this.#pump())
  }

  /** Reads what is kept; needed for list and add also where nothing is to run. */
  async load(): Promise<void> {
    for (const item of await this.#components.table.all()) this.#items.set(item.id, item)
  }

  async start(): Promise<void> {
    for (const item of this.#items.values()) {
      if (item.state !== 'running') continue
      const detail = 'interrupted; what was built is on the disk'
      await this.#save({ ...item, state: 'waiting', detail })
    }
    this.#started = true
    this.#pump()
  }

  async stop(): Promise<void> {
    this.#started = false
    clearTimeout(this.#timer)
    clearTimeout(this.#gateTimer)
    await this.#interrupt(new Error('the node is stopping'))
  }

  /** Ends what runs and lets it wait again, without counting the attempt. */
  async putBack(): Promise<void> {
    await this.#interrupt(PUT_BACK)
  }

  list(): readonly QueueItem[] {
    return [...this.#items.values()].sort((a, b) => a.added - b.added || (a.id < b.id ? -1 : 1))
  }

  /** Queues the work, unless it is known already; `asked` where somebody did so by hand. */
  async add(
    work: Pick<QueueItem, 'release' | 'image' | 'version' | 'platform' | 'asked'>,
  ): Promise<QueueItem> {
    const id = queueItemId(work.release, work.platform)
    const known = this.#items.get(id)
    if (known !== undefined) return work.asked === true ? this.#ask(known) : known
    const now = unixSeconds(this.#components.clock)
    const item: QueueItem = {
      id,
      ...work,
      state: 'waiting',
      attempts: 0,
      stage: 'queued',
      detail: '',
      nextAttempt: null,
      added: now,
      updated: now,
      result: null,
    }
    await this.#save(item)
    this.#pump()
    return item
  }

  /** Queues it again, whatever became of it before: what was published earlier does not end it. */
  async retry(id: string): Promise<QueueItem | undefined> {
    // What has just ended is let go of first.
    if (this.#items.get(id)?.state !== 'running') await this.#running.get(id)?.done
    const item = this.#items.get(id)
    if (item === undefined || this.#running.has(id)) return item
    const fresh: QueueItem = {
      ...item,
      state: 'waiting',
      asked: true,
      attempts: 0,
      stage: 'queued',
      detail: 'queued again by hand',
      nextAttempt: null,
      added: unixSeconds(this.#components.clock),
      result: null,
    }
    await this.#save(fresh)
    this.#pump()
    return fresh
  }

  async cancel(id: string): Promise<QueueItem | undefined> {
    const running = this.#running.get(id)
    running?.abort.abort(CANCELLED)
    await running?.done
    const item = this.#items.get(id)
    if (item === undefined || item.state === 'done' || item.state === 'cancelled') return item
    await this.#save(cancelled(item))
    return this.#items.get(id)
  }

  /** Lets go of an item that neither waits nor runs. */
  async forget(id: string): Promise<void> {
    const item = this.#items.get(id)
    if (item === undefined || !FINISHED.includes(item.state) || this.#running.has(id)) return
    await this.#components.table.delete(id)
    this.#items.delete(id)
  }

  /** Undefined as priority: its project's again. */
  async prioritize(id: string, priority: Priority | undefined): Promise<QueueItem | undefined> {
    const item = this.#items.get(id)
    if (item === undefined) return undefined
    const { priority: _, ...rest } = item
    await this.#save({ ...rest, ...(priority === undefined ? {} : { priority }) })
    this.#pump()
    return this.#items.get(id)
  }

  /** The priority by which it takes its turn. */
  priorityOf({ priority, image }: Pick<QueueItem, 'priority' | 'image'>): Priority {
    return priority ?? this.#components.priorityOf(image)
  }

  /** Somebody wants what waits for others now. */
  async #ask(item: QueueItem): Promise<QueueItem> {
    if (item.asked === true || item.state !== 'waiting') return item
    const asked: QueueItem = { ...item, asked: true, nextAttempt: null }
    await this.#save(asked)
    this.#pump()
    return asked
  }

  async #interrupt(reason: Error): Promise<void> {
    const running = [...this.#running.values()]
    for (const { abort } of running) abort.abort(reason)
    await Promise.all(running.map(({ done }) => done))
  }

  async #save(item: QueueItem): Promise<void> {
    const saved = { ...item, updated: unixSeconds(this.#components.clock) }
    // Known at once, so that a second add in the meantime finds it.
    this.#items.set(item.id, saved)
    await this.#components.table.put(item.id, saved)
    this.#components.changed(saved)
  }

  /** Starts what is due, as many at once as are allowed. */
  #pump(): void {
    if (!this.#started) return
    clearTimeout(this.#timer)
    this.#watchGate()
    const { gate } = this.#components
    if (gate.endsRunning) void this.putBack()
    if (!gate.isOpen) return
    const now = unixSeconds(this.#components.clock)
    let soonest = Infinity
    for (const item of this.#inTurn()) {
      if (item.state !== 'waiting' && item.state !== 'retrying') continue
      if (this.#running.has(item.id)) continue
      const due = item.nextAttempt ?? 0
      if (due > now) {
        soonest = Math.min(soonest, due)
        continue
      }
      if (this.#running.size >= this.#options.concurrency) return
      this.#begin(item)
    }
    if (soonest === Infinity) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, soonest - now) * 1000)
  }

  /** Comes back when the schedule opens or closes. */
  #watchGate(): void {
    clearTimeout(this.#gateTimer)
    const wait = this.#components.gate.millisecondsToChange()
    if (wait === undefined) return
    const until = Math.max(1000, Math.min(wait, MAX_GATE_WAIT_MS))
    this.#gateTimer = setTimeout(() => this.#pump(), until)
    this.#gateTimer.unref()
  }

  #inTurn(): readonly QueueItem[] {
    const rank = (item: QueueItem): number => PRIORITIES.indexOf(this.priorityOf(item))
    // Stable: those of one priority stay in the order in which they came.
    return this.list().toSorted((a, b) => rank(a) - rank(b))
  }

  #begin(item: QueueItem): void {
    const abort = new AbortController()
    const done = this.#run(item, abort.signal)
      .catch((error: unknown) => {
        this.#components.logger.error(
          { id: item.id, error: String(error) },
          'the queue cannot be kept',
        )
      })
      .finally(() => {
        this.#running.delete(item.id)
        this.#pump()
      })
    this.#running.set(item.id, { abort, done })
  }

  async #run(waiting: QueueItem, signal: AbortSignal): Promise<void> {
    let item: QueueItem = {
      ...waiting,
      state: 'running',
      attempts: waiting.attempts + 1,
      stage: 'starting',
      detail: '',
      nextAttempt: null,
    }
    await this.#save(item)
    const progress: AttemptProgress = (stage, detail) => {
      // What was changed by hand meanwhile stays.
      item = { ...(this.#items.get(item.id) ?? item), stage, detail }
      // Progress is shown, not kept: a restart begins the attempt anew.
      this.#items.set(item.id, item)
      this.#components.changed(item)
    }
    let end: AttemptEnd
    try {
      end = await this.#components.attempt(item, progress, signal)
      item = this.#items.get(item.id) ?? item
    } catch (error) {
      item = this.#items.get(item.id) ?? item
      if (signal.reason === CANCELLED) {
        await this.#save(cancelled(item))
        return
      }
      if (signal.aborted) {
        await this.#save({
          ...item,
          state: 'waiting',
          detail: 'interrupted; what was built is on the disk',
          attempts: waiting.attempts,
        })
        return
      }
      this.#components.logger.error({ id: item.id, error: String(error) }, 'a rebuild broke')
      end = {
        kind: 'infrastructure',
        reason: error instanceof Error ? error.message : String(error),
      }
    }
    const { log = item.log } = end
    await this.#save({ ...this.#ended(item, end), ...(log === undefined ? {} : { log }) })
  }

  #ended(item: QueueItem, end: AttemptEnd): QueueItem {
    if (end.kind === 'published') {
      return { ...item, state: 'done', stage: 'published', detail: end.summary, result: end.sid }
    }
    if (end.kind === 'left-to-others') {
      return { ...item, state: 'done', stage: 'left to others', detail: end.reason }
    }
    if (end.kind === 'later') {
      const attempts = item.attempts - 1
      const wait = { stage: 'others first', detail: end.reason, nextAttempt: end.until }
      return { ...item, state: 'waiting', attempts, ...wait }
    }
    if (end.kind === 'refused')
      return { ...item, state: 'failed', stage: 'refused', detail: end.reason }
    if (item.attempts >= this.#options.maxAttempts) {
      return {
        ...item,
        state: 'failed',
        detail: `given up after ${item.attempts} attempts: ${end.reason}`,
      }
    }
    const { retryBaseSeconds, retryMaxSeconds } = this.#options
    const backoff = Math.min(retryMaxSeconds, retryBaseSeconds * 2 ** (item.attempts - 1))
    const jittered = backoff * (0.5 + this.#components.random())
    const wait = Math.ceil(Math.max(jittered, end.retryAfterSeconds ?? 0))
    return {
      ...item,
      state: 'retrying',
      detail: end.reason,
      nextAttempt: unixSeconds(this.#components.clock) + wait,
    }
  }
}
