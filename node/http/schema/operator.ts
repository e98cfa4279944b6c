import { z } from 'zod'
import type { OperatorSummary, TrustRequest } from '../node-service.ts'
import { component, list } from './component.ts'
import { key, operatorId, seconds } from './identifiers.ts'

/** A statement is at most 32 KiB; base64 makes that 44. */
const MAX_CARD_CHARACTERS = 48 * 1024

export const operator: z.ZodType<OperatorSummary> = component(
  'Operator',
  z.object({
    id: operatorId,
    name: z.string().nullable(),
    groups: z.array(z.string()),
    trusted: z.boolean(),
    self: z.boolean(),
    keys: z.array(key),
    expires: seconds.nullable(),
    contact: z.string().nullable(),
    claims: z.record(z.string(), z.string()),
  }),
)

export const operators = list('Operators', operator)

export const trustRequest: z.ZodType<TrustRequest> = component(
  'TrustRequest',
  z
    .strictObject({
      card: z.string().min(1).max(MAX_CARD_CHARACTERS).exactOptional(),
      operator: operatorId.exactOptional(),
      name: z.string().min(1).max(128).exactOptional(),
      groups: z.array(z.string().min(1).max(64)).max(16).exactOptional(),
    })
    .refine((request) => request.card !== undefined || request.operator !== undefined, {
      message: 'needs a card or an operator id',
    }),
)

export const ownCard = component('OwnCard', z.object({ operator: operatorId, card: z.string() }))
