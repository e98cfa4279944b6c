/** An answer about an image, as protocol/verdict/answer.ts has it. */
import { z } from 'zod'
import type { Answer, Voice } from '../../../protocol/verdict/answer.ts'
import type { VerdictReply } from '../node-service.ts'
import { component } from './component.ts'
import { digest, image, operatorId, platform, seconds, sid } from './identifiers.ts'
import { operatorLog } from './log.ts'

const vote = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('digest'), digest: z.string() }),
  z.object({ kind: z.literal('error'), code: z.string() }),
  z.object({ kind: z.literal('self-conflict'), digests: z.array(z.string()) }),
  z.object({ kind: z.literal('unstable') }),
  z.object({ kind: z.literal('failed'), stage: z.string() }),
  z.object({ kind: z.literal('none') }),
])

const voice: z.ZodType<Voice> = component(
  'Voice',
  z.object({
    operator: operatorId,
    name: z.string().exactOptional(),
    groups: z.array(z.string()),
    sids: z.array(sid),
    vote,
    maps: z.union([z.string(), z.object({ error: z.string() })]).exactOptional(),
    differences: z.object({ count: z.number().int(), paths: z.array(z.string()) }).exactOptional(),
    emulated: z.boolean().exactOptional(),
    blind: z
      .enum(['blind', 'announcer', 'unopened', 'changed', 'names-image', 'not-listed', 'not-first'])
      .exactOptional(),
  }),
)

const decision = z.enum(['allow', 'deny', 'undecided'])

export const answer: z.ZodType<Answer> = component(
  'Answer',
  z.object({
    image,
    digest,
    platform,
    version: z.string().exactOptional(),
    release: sid.exactOptional(),
    inputDigest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .exactOptional(),
    verdict: z.enum([
      'contradicted',
      'diverged',
      'reproduced',
      'unreproducible',
      'pending',
      'unknown',
    ]),
    decision,
    level: z.enum(['exact', 'normalized', 'rootfs']).exactOptional(),
    flags: z.array(
      z.enum([
        'stale',
        'clock-suspect',
        'insufficient-diversity',
        'withdrawn',
        'equivocation',
        'superseded-release',
        'emulated-only',
      ]),
    ),
    freshness: z.enum(['unchecked', 'off', 'fresh', 'stale']),
    have: z.number().int(),
    need: z.number().int(),
    since: seconds.exactOptional(),
    why: z.array(z.enum(['votes-missing', 'unmapped', 'unlogged'])).exactOptional(),
    supporters: z.array(voice),
    dissenters: z.array(voice),
    unreproduced: z.array(voice),
    absent: z.array(operatorId),
    silent: z.array(operatorId),
    retracted: z.array(sid),
    unlogged: z.array(sid).exactOptional(),
    unloggedVoices: z
      .array(
        z.object({
          operator: operatorId,
          name: z.string().exactOptional(),
          sid,
          against: z.boolean(),
        }),
      )
      .exactOptional(),
    reasons: z.array(z.string()),
    policyHash: z.string(),
    asOf: seconds,
  }),
)

export const verdictReply: z.ZodType<VerdictReply> = component(
  'VerdictReply',
  z.object({
    image: z.string(),
    decision,
    answers: z.array(answer),
    explanation: z.array(z.array(z.string())),
    logs: z.array(operatorLog).exactOptional(),
    warnings: z.array(z.string()).exactOptional(),
  }),
)
