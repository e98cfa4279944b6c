/** What became of the tags of a project that is announced by itself. All values are plain JSON. */
import type { ImageName, Sid, UnixSeconds } from '../../protocol/identifiers.ts'

export interface WatchedTag {
  readonly source: 'git' | 'registry'
  readonly tag: string
  readonly version: string
  /** Object id of a git tag, digest of the registry's. */
  readonly target: string | null
  /** Of a tag that was moved: what it stands for now. */
  readonly now: string | null
  readonly state: 'seen' | 'waiting' | 'announced' | 'refused' | 'moved'
  readonly sid: Sid | null
  readonly why: string
  readonly at: UnixSeconds
}

export interface WatchSummary {
  readonly image: ImageName
  readonly intervalSeconds: number
  /** Null before the first of this run. */
  readonly lastLook: UnixSeconds | null
  readonly nextLook: UnixSeconds | null
  /** Why the last look failed. */
  readonly trouble: string | null
  /** Tags that were there before, or are the git side of an image: not listed. */
  readonly seen: number
  /** All others, the newest first, at most 200. */
  readonly tags: readonly WatchedTag[]
}
