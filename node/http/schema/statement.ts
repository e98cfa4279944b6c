import { z } from 'zod'
import type { StatementSummary } from '../node-service.ts'
import { component, list } from './component.ts'
import { image, key, operatorId, reference, sid } from './identifiers.ts'

export const statement: z.ZodType<StatementSummary> = component(
  'Statement',
  z.object({
    sid,
    kind: z.enum(['release', 'rebuild', 'commitment', 'withdrawal', 'operator']),
    key,
    operator: operatorId.nullable(),
    image: image.nullable(),
    summary: z.string(),
    body: z.unknown(),
    envelope: z.unknown(),
  }),
)

export const statements = list('Statements', statement)

export const withdrawRequest = component(
  'WithdrawRequest',
  z.strictObject({ reference, reason: z.string().min(1).max(1024) }),
)
