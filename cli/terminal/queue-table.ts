/** The queue for a person. */
import type { QueueItem } from '../../node/http/node-service.ts'
import type { Output } from './output.ts'
import { stateSpan } from './style.ts'
import { timeWords } from './words.ts'

export function showQueue(items: readonly QueueItem[], out: Output): void {
  if (items.length === 0) {
    out.note('the queue is empty')
    return
  }
  out.table(
    ['id', 'image', 'version', 'platform', 'state', 'tries', 'next try', 'stage', 'detail'],
    items.map((item) => [
      item.id,
      item.image,
      item.version,
      item.platform,
      stateSpan(item.state),
      String(item.attempts),
      timeWords(item.nextAttempt),
      item.stage,
      item.detail,
    ]),
  )
}
