import { z } from 'zod'
import type { Revocation } from '../../../protocol/revocation.ts'
import type {
  Cards,
  OperatorSummary,
  TrustListPreview,
  TrustListRequest,
  TrustRequest,
} from '../trust-summary.ts'
import { component, list } from './component.ts'
import { key, operatorId, seconds } from './identifiers.ts'

/** A statement is at most 32 KiB; base64 makes that 44. */
const MAX_CARD_CHARACTERS = 48 * 1024
/** Two a year would take half a century, and as many fit into a request. */
const MAX_EARLIER_CARDS = 100
const MAX_LIST_CHARACTERS = 128 * 1024
const MAX_SIGNATURE_CHARACTERS = 4096

export const revocation: z.ZodType<Revocation> = component(
  'Revocation',
  z.object({ origin: z.string(), size: z.int(), root: z.string() }),
)

export const operator: z.ZodType<OperatorSummary> = component(
  'Operator',
  z.object({
    id: operatorId,
    name: z.string().nullable(),
    groups: z.array(z.string()),
    trusted: z.boolean(),
    self: z.boolean(),
    version: z.int().nullable(),
    keys: z.array(key),
    expires: seconds.nullable(),
    contact: z.string().nullable(),
    claims: z.record(z.string(), z.string()),
    trouble: z.enum(['two-histories', 'two-cards', 'pin-missing']).nullable(),
    revocations: z.array(revocation),
  }),
)

export const operators = list('Operators', operator)

const cardText = z.string().min(1).max(MAX_CARD_CHARACTERS)
const earlierCards = z.array(cardText).max(MAX_EARLIER_CARDS)

export const cards: z.ZodType<Cards> = component(
  'Cards',
  z.strictObject({ card: cardText, earlier: earlierCards.exactOptional() }),
)

const trustList = {
  list: z.string().min(1).max(MAX_LIST_CHARACTERS),
  signature: z.string().min(1).max(MAX_SIGNATURE_CHARACTERS),
  signer: z.string().min(1).max(1024).exactOptional(),
}

export const trustListRequest: z.ZodType<TrustListRequest> = component(
  'TrustListRequest',
  z.strictObject(trustList),
)

export const trustListImport: z.ZodType<TrustListRequest & { readonly token: string }> = component(
  'TrustListImport',
  z.strictObject({ ...trustList, token: z.string().min(1).max(64) }),
)

const listed = { name: z.string().nullable(), groups: z.array(z.string()) }

export const trustListPreview: z.ZodType<TrustListPreview> = component(
  'TrustListPreview',
  z.object({
    name: z.string(),
    serial: z.int(),
    signer: z.string(),
    known: z.boolean(),
    changes: z.array(
      z.object({
        kind: z.enum(['added', 'changed', 'removed']),
        id: operatorId,
        ...listed,
        before: z.object(listed).nullable(),
      }),
    ),
    token: z.string(),
  }),
)

export const trustRequest: z.ZodType<TrustRequest> = component(
  'TrustRequest',
  z
    .strictObject({
      card: cardText.exactOptional(),
      earlier: earlierCards.exactOptional(),
      operator: operatorId.exactOptional(),
      pin: z.boolean().exactOptional(),
      name: z.string().min(1).max(128).exactOptional(),
      groups: z.array(z.string().min(1).max(64)).max(16).exactOptional(),
    })
    .refine((request) => request.card !== undefined || request.operator !== undefined, {
      message: 'needs a card or an operator id',
    }),
)

export const ownCard = component(
  'OwnCard',
  z.object({ operator: operatorId, card: z.string(), earlier: z.array(z.string()) }),
)
