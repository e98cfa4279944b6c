/** The queue for a person. */
import type { GateSummary, QueueItem } from '../../node/http/node-service.ts'
import type { Output } from './output.ts'
import { bad, faint, good, stateSpan, warn, type Span } from './style.ts'
import { shortSid, timeWords } from './words.ts'

/** Whether rebuilds begin, in one line. */
export function gateFact(gate: GateSummary): Span {
  const { open, reasons, votingStopped, scheduleChanges } = gate
  const when = scheduleChanges === null ? '' : `, until ${timeWords(scheduleChanges)}`
  if (open) return good(`rebuilds begin${when}`)
  const words = `no rebuild begins: ${reasons.join('; ')}`
  if (votingStopped === null) return warn(words)
  return bad(`${words} ("rebuildnet queue resume --voting" once the machine is looked at)`)
}

export function showGate(gate: GateSummary, out: Output): void {
  if (gate.open && gate.scheduleChanges === null) return
  out.line(gateFact(gate))
}

export function showQueue(items: readonly QueueItem[], out: Output): void {
  if (items.length === 0) {
    out.note('the queue is empty')
    return
  }
  out.table(
    [
      ...['id', 'image', 'version', 'platform', 'priority', 'state', 'tries', 'next try'],
      ...['stage', 'detail'],
    ],
    items.map((item) => [
      shortId(item, items),
      item.image,
      item.version,
      item.platform,
      item.priority,
      stateSpan(item.state),
      String(item.attempts),
      timeWords(item.nextAttempt),
      item.stage,
      item.detail,
    ]),
  )
  for (const item of items) {
    const { log } = item
    if (log === undefined || isBuilt(item)) continue
    out.line(faint(`build log of ${shortId(item, items)}  ${log}`))
  }
}

/** Whoever asks after a build that worked finds its log with --json. */
function isBuilt({ state, detail }: QueueItem): boolean {
  return state === 'done' && detail.startsWith('built')
}

/** Enough of an id for `queue retry`: the platform only where the release is there for several. */
function shortId({ id, release, platform }: QueueItem, items: readonly QueueItem[]): string {
  if (id !== `${release}:${platform}`) return id
  const short = shortSid(release)
  const alike = items.filter((item) => item.release.startsWith(short))
  return alike.length === 1 ? short : `${short}:${platform}`
}
