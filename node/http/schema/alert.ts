import { z } from 'zod'
import type { AlertSummary } from '../node-service.ts'
import { component, list } from './component.ts'
import { digest, image, platform, seconds, sid } from './identifiers.ts'

export const alert: z.ZodType<AlertSummary> = component(
  'Alert',
  z.object({
    id: z.string(),
    kind: z.enum(['contradicted', 'diverged', 'unreproducible']),
    severity: z.enum(['critical', 'warning']),
    image,
    version: z.string(),
    digest,
    platform,
    began: seconds,
    ended: seconds.nullable(),
    reasons: z.array(z.string()),
    evidence: z.object({ sids: z.array(sid), paths: z.array(z.string()) }),
  }),
)

export const alerts = list('Alerts', alert)
