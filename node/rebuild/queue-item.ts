/** One piece of work: a release that is to be rebuilt for one platform. */
import type { ImageName, Platform, Sid, UnixSeconds } from '../../protocol/identifiers.ts'

/** The first of these goes first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

type QueueState = 'waiting' | 'running' | 'retrying' | 'done' | 'failed' | 'cancelled'

/** As it is kept in the store, so that it survives a restart. */
export interface QueueItem {
  /** `<release sid>:<platform>`: the same work is never queued twice. */
  readonly id: string
  readonly release: Sid
  readonly image: ImageName
  readonly version: string
  readonly platform: Platform
  readonly state: QueueState
  /** How often it was begun. */
  readonly attempts: number
  readonly stage: string
  /** Last line of progress, or why it failed. */
  readonly detail: string
  readonly nextAttempt: UnixSeconds | null
  readonly added: UnixSeconds
  readonly updated: UnixSeconds
  /** The statement that came of it. */
  readonly result: Sid | null
  /** File of the last build's log; absent where nothing was built. */
  readonly log?: string
  /** Given by hand; absent where it is its project's. */
  readonly priority?: Priority
  /** Somebody asked for it by hand: it is built whoever else does. */
  readonly asked?: boolean
}

export function queueItemId(release: Sid, platform: Platform): string {
  return `${release}:${platform}`
}
