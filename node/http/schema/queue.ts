import { z } from 'zod'
import type { QueueItem, RebuildPlan } from '../node-service.ts'
import { component, list } from './component.ts'
import { image, platform, platformArgument, reference, seconds, sid } from './identifiers.ts'

export const queueItem: z.ZodType<QueueItem> = component(
  'QueueItem',
  z.object({
    id: z.string(),
    release: sid,
    image,
    version: z.string(),
    platform,
    state: z.enum(['waiting', 'running', 'retrying', 'done', 'failed', 'cancelled']),
    attempts: z.number().int(),
    stage: z.string(),
    detail: z.string(),
    nextAttempt: seconds.nullable(),
    added: seconds,
    updated: seconds,
    result: sid.nullable(),
    log: z.string().exactOptional(),
  }),
)

export const queue = list('Queue', queueItem)

export const rebuildRequest = component(
  'RebuildRequest',
  z.strictObject({ reference, platform: platformArgument.exactOptional() }),
)

export const rebuildPlans: z.ZodType<readonly RebuildPlan[]> = list(
  'RebuildPlans',
  component(
    'RebuildPlan',
    z.object({
      image,
      version: z.string(),
      platform,
      builder: z.string(),
      commands: z.array(z.array(z.string())),
      refusals: z.array(z.string()),
    }),
  ),
)
