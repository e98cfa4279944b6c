import { z } from 'zod'
import type { AnnounceRequest, ReleaseSummary } from '../node-service.ts'
import { answer } from './answer.ts'
import { component, list } from './component.ts'
import { digest, image, operatorId, platform, reference, seconds, sid } from './identifiers.ts'

export const release: z.ZodType<ReleaseSummary> = component(
  'Release',
  z.object({
    sid,
    image,
    version: z.string(),
    commit: z.string(),
    announced: seconds,
    announcer: operatorId.nullable(),
    platforms: z.array(z.object({ platform, manifestDigest: digest.nullable() })),
    verdicts: z.array(answer),
  }),
)

export const releases = list('Releases', release)

export const announceRequest: z.ZodType<AnnounceRequest> = component(
  'AnnounceRequest',
  z.strictObject({
    image: reference,
    version: z.string().min(1).max(256),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'must be a full commit in lowercase hex')
      .exactOptional(),
    ref: z.string().min(1).max(256).exactOptional(),
    published: reference.exactOptional(),
    publishes: sid.exactOptional(),
  }),
)
