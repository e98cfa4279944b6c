/**
 * How long the own operator card is still good. Past its end every statement that it vouches for
 * counts for nothing, and no error says so anywhere but here.
 */
import type { Finding } from './doctor.ts'

const DAY_SECONDS = 86_400
const WARN_DAYS = 30
const REMEDY = 'make the next one with "rebuildnet operator renew"; it needs the root key'

/** @param now seconds */
export function examineCard(expires: number, now: number): Finding {
  const date = new Date(expires * 1000).toISOString().slice(0, 10)
  const left = expires - now
  if (left > WARN_DAYS * DAY_SECONDS) {
    return { name: 'card', status: 'ok', detail: `good until ${date}` }
  }
  if (left <= 0) {
    const detail = `expired on ${date}: nobody counts what this node signs`
    return { name: 'card', status: 'fail', detail, remedy: REMEDY }
  }
  const days = Math.floor(left / DAY_SECONDS)
  const inDays = days === 0 ? 'within a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`
  return {
    name: 'card',
    status: 'warn',
    detail: `expires ${inDays}, on ${date}`,
    remedy: REMEDY,
  }
}
