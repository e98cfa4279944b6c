/** Evidence as files: bundles and proofs. */
import { z } from 'zod'
import { MAX_BUNDLE_BYTES } from '../../../protocol/bundle.ts'
import type { BundleReport, ProofSummary } from '../log-summary.ts'
import { component, list } from './component.ts'
import { digest, image, key, operatorId, platform } from './identifiers.ts'

/** Base64 of the largest bundle. */
export const MAX_BUNDLE_CHARACTERS = Math.ceil(MAX_BUNDLE_BYTES / 3) * 4

export const bundle = component(
  'Bundle',
  z.strictObject({ bundle: z.string().min(1).max(MAX_BUNDLE_CHARACTERS) }),
)

export const bundleReport: z.ZodType<BundleReport> = component(
  'BundleReport',
  z.object({
    questions: z.array(z.object({ repository: image, digest, platform })),
    statements: z.number().int(),
    known: z.number().int(),
    heads: z.number().int(),
    proofs: z.number().int(),
    refused: z.array(z.string()),
  }),
)

export const proofs: z.ZodType<readonly ProofSummary[]> = list(
  'Proofs',
  component(
    'Proof',
    z.object({
      id: z.string(),
      kind: z.string(),
      operator: operatorId,
      key,
      origin: z.string(),
      words: z.string(),
      proof: z.string(),
    }),
  ),
)
