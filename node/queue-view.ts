/** An item of the queue as its user sees it. */
import type { QueueItem as QueueItemView } from './http/node-service.ts'
import type { Queue } from './rebuild/queue.ts'
import type { QueueItem } from './rebuild/queue-item.ts'

export function describeItem(item: QueueItem, queue: Pick<Queue, 'priorityOf'>): QueueItemView {
  const { asked: _, ...shown } = item
  return { ...shown, priority: queue.priorityOf(item) }
}
