/**
 * What sync and the topic `head` must know of this node's logs, and what they hand them. Declared
 * here, where it is used; node/ implements it. Statements themselves go through `Admission`.
 */
import type { Sid } from '../../../protocol/identifiers.ts'
import type { LogBook } from '../../../protocol/log/log-book.ts'
import type { SyncWishes } from '../../../protocol/sync/sync-book.ts'

/**
 * `query` names the operators of policy and project files, keys that voted on followed projects, and
 * the tags of followed projects. `standing` of a log that is only known by what it speaks of is the
 * user's room for strangers.
 */
export interface SyncStore extends SyncWishes {
  /** In memory; what changes in it is durable after `commit`. */
  readonly book: LogBook
  /** Resolves when what the book has learned is kept, and it knows which listed statements are here. */
  commit(): Promise<void>
  /** Canonical bytes, in the same order; undefined for what is not stored. */
  read(sids: readonly Sid[]): Promise<readonly (Uint8Array | undefined)[]>
}
