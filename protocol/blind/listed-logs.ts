/**
 * `logs` of a release that publishes an image: how far its announcer had seen the logs of rebuilders,
 * so that everybody can tell what was in them by then. A root is a hash over leaves that nobody knows
 * before they are there. protocol/blind/README.md.
 */
import { compareText, type Field } from '../field.ts'
import { isSid } from '../identifiers.ts'
import { MAX_LOG_SIZE } from '../log/leaf.ts'
import { LogError } from '../log/log-error.ts'
import { parseOrigin } from '../log/origin.ts'

/** About 12 KiB of a statement that may have 32 with a recipe of 8. */
export const MAX_LISTED_LOGS = 48

export interface ListedLog {
  /** `rebuildnet.dev/log/<operator id>/<key hex>/<n>` */
  readonly origin: string
  readonly size: number
  /** RFC 6962 root of the first `size` leaves, lowercase hex. */
  readonly root: string
}

/** Sorted by origin, each once; an empty list is left out. */
export function parseListedLogs(field: Field): readonly ListedLog[] {
  const logs = field.sortedList(MAX_LISTED_LOGS, parseListedLog, (a, b) =>
    compareText(a.origin, b.origin),
  )
  if (logs.length === 0) field.fail('not-canonical', 'is empty: leave it out')
  return logs
}

function parseListedLog(field: Field): ListedLog {
  return {
    origin: field.at('origin').spelled(isOrigin, 'the name of a log'),
    size: field.at('size').integer(1, MAX_LOG_SIZE),
    root: field.at('root').spelled(isSid, '64 hex digits'),
  }
}

function isOrigin(text: string): boolean {
  try {
    parseOrigin(text)
    return true
  } catch (error) {
    if (error instanceof LogError) return false
    throw error
  }
}
