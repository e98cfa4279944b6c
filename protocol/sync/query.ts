/**
 * What a node wants to know of logs, and what it has of that: one row for each log.
 *
 * A query names operators, keys and projects, not logs, since a client cannot know how many logs a
 * key has by now, nor who has begun to vote. Server and client choose their rows by the same rule,
 * so that one digest over them tells whether they have the same. node/network/README.md.
 */
import { concat, toHex, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { KeyHex, OperatorId, UnixSeconds } from '../identifiers.ts'
import type { ProjectTag } from '../log/leaf.ts'
import type { Origin } from '../log/origin.ts'
import { encodeRow } from './answers.ts'
import { MAX_QUERY_KEYS, MAX_QUERY_OPERATORS, MAX_QUERY_TAGS } from './limits.ts'
import { compareOrigins } from './wire.ts'

const DIGEST_DOMAIN = utf8('rebuildnet/sync/1\0')

/** A log matches if its operator or its key is named, or one of its leaves has one of the tags. */
export interface SyncQuery {
  readonly operators: readonly OperatorId[]
  readonly keys: readonly KeyHex[]
  readonly tags: readonly ProjectTag[]
}

/** The largest head of one log that its holder can show the leaves of. */
export interface SyncRow {
  readonly origin: Origin
  readonly size: number
  /** Hex. */
  readonly root: string
  readonly time: UnixSeconds
  /** Whether its holder has a proof that the log is forked. */
  readonly proven: boolean
}

/** Queries that fit in a frame each and together are the whole. */
export function splitQuery({ operators, keys, tags }: SyncQuery): SyncQuery[] {
  const portions: SyncQuery[] = []
  const count = Math.max(
    Math.ceil(operators.length / MAX_QUERY_OPERATORS),
    Math.ceil(keys.length / MAX_QUERY_KEYS),
    Math.ceil(tags.length / MAX_QUERY_TAGS),
  )
  for (let i = 0; i < count; i++) {
    portions.push({
      operators: operators.slice(i * MAX_QUERY_OPERATORS, (i + 1) * MAX_QUERY_OPERATORS),
      keys: keys.slice(i * MAX_QUERY_KEYS, (i + 1) * MAX_QUERY_KEYS),
      tags: tags.slice(i * MAX_QUERY_TAGS, (i + 1) * MAX_QUERY_TAGS),
    })
  }
  return portions
}

/** Whether a log may be among those asked for: what its leaves are about shows later. */
export function matchesQuery(origin: Origin, { operators, keys, tags }: SyncQuery): boolean {
  return tags.length > 0 || operators.includes(origin.operator) || keys.includes(origin.key)
}

export function sortRows(rows: readonly SyncRow[]): SyncRow[] {
  return [...rows].sort((a, b) => compareOrigins(a.origin, b.origin))
}

/** Of sorted rows, hex. */
export function digestOfRows(rows: readonly SyncRow[], crypto: Crypto): string {
  return toHex(crypto.sha256(concat(DIGEST_DOMAIN, ...rows.map(encodeRow))))
}
