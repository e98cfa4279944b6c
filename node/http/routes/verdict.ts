import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { verdictReply } from '../schema/answer.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'

/** A tag is resolved at the registry, which may be slow. */
const VERDICT_TIMEOUT_MS = 60_000

export function addVerdictRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/verdict',
    id: 'getVerdict',
    tag: 'asking',
    summary: 'Whether enough operators whom the policy trusts rebuilt this image.',
    query: z.strictObject({ image: reference, platform: platformArgument.exactOptional() }),
    reply: verdictReply,
    timeoutMs: VERDICT_TIMEOUT_MS,
    answer: ({ query, signal }) => service.verdict(query, signal),
  })
}
