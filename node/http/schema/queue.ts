import { z } from 'zod'
import type { GateSummary, QueueItem, RebuildPlan } from '../node-service.ts'
import { component, list } from './component.ts'
import { image, platform, platformArgument, reference, seconds, sid } from './identifiers.ts'

export const priority = z.enum(['high', 'normal', 'low'])

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
    priority,
  }),
)

export const queue = list('Queue', queueItem)

export const gate: z.ZodType<GateSummary> = component(
  'QueueGate',
  z.object({
    open: z.boolean(),
    reasons: z.array(z.string()),
    pausedSince: seconds.nullable(),
    votingStopped: z.object({ since: seconds, reasons: z.array(z.string()) }).nullable(),
    scheduleChanges: seconds.nullable(),
  }),
)

export const priorityRequest = component(
  'PriorityRequest',
  z.strictObject({ priority: priority.nullable() }),
)

export const pauseRequest = component(
  'PauseRequest',
  z.strictObject({ stop: z.boolean().exactOptional() }),
)

export const resumeRequest = component(
  'ResumeRequest',
  z.strictObject({ voting: z.boolean().exactOptional() }),
)

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
