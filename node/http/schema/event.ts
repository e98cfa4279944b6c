/** What `/v1/events` sends: the `data` line of each server-sent event is one of these. */
import { z } from 'zod'
import type { NodeEvent } from '../node-service.ts'
import { alert } from './alert.ts'
import { answer } from './answer.ts'
import { component } from './component.ts'
import { queueItem } from './queue.ts'
import { statement } from './statement.ts'
import { watch } from './watch.ts'

export const EVENT_TYPES = ['statement', 'verdict', 'alert', 'queue', 'watch', 'peer'] as const

/** `reset`: events were missed (too long away, or the node was restarted); read the state anew. */
export type StreamEvent =
  NodeEvent | { readonly type: 'reset'; readonly data: Readonly<Record<string, never>> }

export const streamEvent: z.ZodType<StreamEvent> = component(
  'Event',
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('statement'), data: statement }),
    z.object({ type: z.literal('verdict'), data: answer }),
    z.object({ type: z.literal('alert'), data: alert }),
    z.object({ type: z.literal('queue'), data: queueItem }),
    z.object({ type: z.literal('watch'), data: watch }),
    z.object({
      type: z.literal('peer'),
      data: z.object({ peerId: z.string(), state: z.enum(['connected', 'disconnected']) }),
    }),
    z.object({ type: z.literal('reset'), data: z.record(z.string(), z.never()) }),
  ]),
)
