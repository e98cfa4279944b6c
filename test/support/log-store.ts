/** What a node keeps of logs, in memory. */
import type { SyncStore } from '../../node/network/sync/sync-store.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import type { LogBook } from '../../protocol/log/log-book.ts'
import type { Origin } from '../../protocol/log/origin.ts'
import type { OpenedStatement } from '../../protocol/sync/steps.ts'
import type { SyncQuery } from '../../protocol/sync/query.ts'
import type { OriginStanding } from '../../protocol/sync/sync-book.ts'
import { makeBook, TEST_TAG } from './logs.ts'

export interface LogStoreInit {
  readonly query?: SyncQuery
  readonly standing?: (origin: Origin, store: LogStore) => OriginStanding
}

export interface LogStore extends SyncStore {
  readonly book: LogBook
  readonly bodies: Map<Sid, OpenedStatement>
  take(...statements: readonly (OpenedStatement | CreatedStatement)[]): void
  /** What `commit` does, at once. */
  settle(): void
}

/** Keeps every log, unless it is told otherwise, and follows TEST_IMAGE. */
export function makeLogStore(init: LogStoreInit = {}): LogStore {
  const { query = { operators: [], keys: [], tags: [TEST_TAG] }, standing = () => 'wanted' } = init
  const bodies = new Map<Sid, OpenedStatement>()
  const book = makeBook((origin) => standing(origin, store) === 'wanted')
  const store: LogStore = {
    book,
    bodies,
    query: () => query,
    standing: (origin) => standing(origin, store),
    settle: () => {
      for (const { statement, bytes } of bodies.values()) book.bodyArrived(statement, bytes)
    },
    commit: async () => store.settle(),
    read: async (sids) => sids.map((sid) => bodies.get(sid)?.bytes),
    take: (...statements) => {
      for (const { statement, bytes } of statements) {
        bodies.set(statement.sid, { statement, bytes })
        book.bodyArrived(statement, bytes)
      }
    },
  }
  return store
}
