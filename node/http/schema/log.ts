/** How up to date a node is about the logs of others, and its own. */
import { z } from 'zod'
import type { LogStatus, OperatorLogSummary } from '../log-summary.ts'
import { component } from './component.ts'
import { operatorId, seconds } from './identifiers.ts'

export const operatorLog: z.ZodType<OperatorLogSummary> = component(
  'OperatorLog',
  z.object({
    operator: operatorId,
    name: z.string().nullable(),
    newestHead: seconds.nullable(),
    ageSeconds: z.number().int().nullable(),
    complete: z.boolean(),
    fresh: z.boolean(),
    missing: z.array(z.enum(['no-card', 'card', 'log', 'seal', 'statements'])),
    missingStatements: z.number().int(),
    equivocation: z
      .object({ id: z.string(), kind: z.string(), origin: z.string(), words: z.string() })
      .nullable(),
  }),
)

export const logStatus: z.ZodType<LogStatus> = component(
  'LogStatus',
  z.object({
    own: z.object({
      origin: z.string(),
      size: z.number().int(),
      head: z.object({ size: z.number().int(), time: seconds }).nullable(),
      signing: z.boolean(),
      whole: z.boolean(),
      copied: z.boolean(),
      shared: z.boolean(),
      halted: z.boolean(),
      reopened: z.object({ n: z.number().int(), at: seconds, why: z.string() }).nullable(),
    }),
    clockBehind: seconds.nullable(),
    operators: z.array(operatorLog),
  }),
)
