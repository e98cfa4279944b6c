import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { diffReply } from '../schema/diff.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'

/** Peers are asked one after another, and may be slow. */
const DIFF_TIMEOUT_MS = 180_000

export function addDiffRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/diff',
    id: 'getDiff',
    tag: 'asking',
    summary:
      'What differs between what two operators got for one release, or one of them and what was published. Fetches from peers what differs of the trees, never an image.',
    query: z.strictObject({
      release: reference,
      a: z.string().min(1).max(256),
      b: z.string().min(1).max(256),
      platform: platformArgument.exactOptional(),
    }),
    reply: diffReply,
    timeoutMs: DIFF_TIMEOUT_MS,
    answer: ({ query, signal }) => service.diff(query, signal),
  })
}
