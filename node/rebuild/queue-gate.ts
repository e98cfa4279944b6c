/**
 * Whether builds may begin now, and if not, why: the operator paused them, the hours of the schedule
 * are over, or the node does not vote until its operator has looked at the machine.
 *
 * What the operator decided outlives a restart. A gate that is shut lets nothing begin; whether what
 * runs is ended by it is said with each reason.
 */
import type { UnixSeconds } from '../../protocol/identifiers.ts'
import { unixSeconds, type Clock } from '../clock.ts'
import {
  isOpen,
  localWallClock,
  nextChange,
  type ScheduleWindow,
  type WallClock,
} from './schedule.ts'

/** What stopped this node from voting, as it is kept. */
export interface VotingStop {
  readonly since: UnixSeconds
  /** One sentence each. */
  readonly reasons: readonly string[]
}

interface Pause {
  readonly since: UnixSeconds
}

interface GateTable {
  get(name: string): Promise<unknown>
  put(name: string, value: unknown, options: { readonly sync: boolean }): Promise<void>
  delete(name: string, options: { readonly sync: boolean }): Promise<void>
}

export interface QueueGateComponents {
  readonly table: GateTable
  readonly clock: Clock
  readonly wallClock?: WallClock
}

export interface QueueGateOptions {
  /** None: at any time. */
  readonly windows: readonly ScheduleWindow[]
  /** What happens to builds that run when the last window closes. */
  readonly atClose: 'finish' | 'stop'
}

/** As `status` and `queue ls` show it. */
export interface GateState {
  readonly open: boolean
  /** Why nothing begins, one sentence each; empty where it is open. */
  readonly reasons: readonly string[]
  readonly pausedSince: UnixSeconds | null
  readonly votingStopped: VotingStop | null
  /** When the schedule opens or closes next; null where there is none. */
  readonly scheduleChanges: UnixSeconds | null
}

const PAUSE = 'queue pause'
const VOTING_STOP = 'queue voting-stop'

export class QueueGate {
  readonly #components: QueueGateComponents
  readonly #options: QueueGateOptions
  readonly #listeners = new Set<() => void>()
  #pause: Pause | undefined
  #votingStop: VotingStop | undefined

  constructor(components: QueueGateComponents, options: QueueGateOptions) {
    this.#components = components
    this.#options = options
  }

  async load(): Promise<void> {
    const { table } = this.#components
    // The store checks what it reads, and only this part writes these names.
    this.#pause = (await table.get(PAUSE)) as Pause | undefined
    this.#votingStop = (await table.get(VOTING_STOP)) as VotingStop | undefined
  }

  /** Calls the listener whenever the operator or this node opens or shuts it. */
  subscribe(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Why this node does not vote; undefined where it does. */
  get votingStop(): VotingStop | undefined {
    return this.#votingStop
  }

  state(): GateState {
    const now = this.#components.clock.now()
    const { windows } = this.#options
    const changes = windows.length === 0 ? undefined : this.#nextChange(now)
    const reasons = this.#reasons(now)
    return {
      open: reasons.length === 0,
      reasons,
      pausedSince: this.#pause?.since ?? null,
      votingStopped: this.#votingStop ?? null,
      scheduleChanges: changes === undefined ? null : Math.floor(changes / 1000),
    }
  }

  get isOpen(): boolean {
    return this.#reasons(this.#components.clock.now()).length === 0
  }

  /** Whether the schedule alone asks for what runs to be put back. */
  get endsRunning(): boolean {
    const { atClose } = this.#options
    return atClose === 'stop' && !this.#inHours(this.#components.clock.now())
  }

  /** Milliseconds until the schedule opens or closes; undefined where it never does. */
  millisecondsToChange(): number | undefined {
    const now = this.#components.clock.now()
    if (this.#options.windows.length === 0) return undefined
    const at = this.#nextChange(now)
    return at === undefined ? undefined : at - now
  }

  async pause(): Promise<void> {
    this.#pause ??= { since: unixSeconds(this.#components.clock) }
    await this.#components.table.put(PAUSE, this.#pause, { sync: true })
    this.#tell()
  }

  async resume(): Promise<void> {
    await this.#components.table.delete(PAUSE, { sync: true })
    this.#pause = undefined
    this.#tell()
  }

  /** Nothing is voted any more from the moment of the call; on the disk when this resolves. */
  async stopVoting(reasons: readonly string[]): Promise<void> {
    const earlier = this.#votingStop
    this.#votingStop = {
      since: earlier?.since ?? unixSeconds(this.#components.clock),
      reasons: [...new Set([...(earlier?.reasons ?? []), ...reasons])],
    }
    this.#tell()
    await this.#components.table.put(VOTING_STOP, this.#votingStop, { sync: true })
  }

  async resumeVoting(): Promise<void> {
    await this.#components.table.delete(VOTING_STOP, { sync: true })
    this.#votingStop = undefined
    this.#tell()
  }

  #reasons(now: number): string[] {
    return [
      ...(this.#votingStop?.reasons.map((reason) => `voting stopped: ${reason}`) ?? []),
      ...(this.#pause === undefined ? [] : ['paused by hand']),
      ...(this.#inHours(now) ? [] : ['outside the hours of the schedule']),
    ]
  }

  #inHours(now: number): boolean {
    const { wallClock = localWallClock } = this.#components
    const { windows } = this.#options
    return windows.length === 0 || isOpen(windows, wallClock(now))
  }

  #nextChange(now: number): number | undefined {
    return nextChange(this.#options.windows, now, this.#components.wallClock ?? localWallClock)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
