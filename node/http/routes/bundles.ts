import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { bundle, bundleReport, MAX_BUNDLE_CHARACTERS, proofs } from '../schema/bundle.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'

/** A bundle of the largest size is read, verified and stored in this time. */
const BUNDLE_TIMEOUT_MS = 300_000
/** The JSON around the base64. */
const JSON_BYTES = 1024

export function addBundleRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/bundle',
    id: 'exportBundle',
    tag: 'asking',
    summary: 'The evidence for one image as one file, for a machine without a network.',
    query: z.strictObject({ image: reference, platform: platformArgument.exactOptional() }),
    reply: bundle,
    timeoutMs: BUNDLE_TIMEOUT_MS,
    answer: ({ query, signal }) => service.exportBundle(query, signal),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/bundles',
    id: 'importBundle',
    tag: 'asking',
    summary:
      'Takes in evidence that another node exported. It counts no more than what peers send.',
    body: bundle,
    bodyLimitBytes: MAX_BUNDLE_CHARACTERS + JSON_BYTES,
    reply: bundleReport,
    timeoutMs: BUNDLE_TIMEOUT_MS,
    answer: ({ body }) => service.importBundle(body.bundle),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/proofs',
    id: 'listProofs',
    tag: 'asking',
    summary: 'Proofs that an operator told two histories, for anybody to check.',
    query: z.strictObject({ operator: reference.exactOptional() }),
    reply: proofs,
    answer: ({ query }) => service.proofs(query.operator),
  })
}
