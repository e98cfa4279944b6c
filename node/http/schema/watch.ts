import { z } from 'zod'
import type { WatchSummary } from '../watch-summary.ts'
import { component, list } from './component.ts'
import { image, seconds, sid } from './identifiers.ts'

export const watch: z.ZodType<WatchSummary> = component(
  'Watch',
  z.object({
    image,
    intervalSeconds: z.number().int(),
    lastLook: seconds.nullable(),
    nextLook: seconds.nullable(),
    trouble: z.string().nullable(),
    seen: z.number().int(),
    tags: z.array(
      z.object({
        source: z.enum(['git', 'registry']),
        tag: z.string(),
        version: z.string(),
        target: z.string().nullable(),
        now: z.string().nullable(),
        state: z.enum(['seen', 'waiting', 'announced', 'refused', 'moved']),
        sid: sid.nullable(),
        why: z.string(),
        at: seconds,
      }),
    ),
  }),
)

export const watches = list('Watches', watch)
