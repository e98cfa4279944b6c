import { z } from 'zod'
import type { AlertSummary } from '../node-service.ts'
import { component, list } from './component.ts'
import { digest, image, operatorId, platform, seconds, sid } from './identifiers.ts'

export const alert: z.ZodType<AlertSummary> = component(
  'Alert',
  z.object({
    id: z.string(),
    kind: z.enum([
      ...(['contradicted', 'diverged', 'unreproducible'] as const),
      ...([
        'equivocation',
        'log-reopened',
        'shared-key',
        'unstable-machine',
        'not-announced',
      ] as const),
    ]),
    severity: z.enum(['critical', 'warning']),
    image: image.nullable(),
    version: z.string(),
    digest: digest.nullable(),
    platform: platform.nullable(),
    operator: operatorId.exactOptional(),
    began: seconds,
    ended: seconds.nullable(),
    reasons: z.array(z.string()),
    evidence: z.object({ sids: z.array(sid), paths: z.array(z.string()) }),
  }),
)

export const alerts = list('Alerts', alert)
