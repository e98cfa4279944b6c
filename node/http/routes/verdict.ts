import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { HttpError } from '../http-error.ts'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { verdictReply } from '../schema/answer.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'

/** A tag is resolved at the registry, which may be slow. */
const VERDICT_TIMEOUT_MS = 60_000

/** `host[:port]`, with commas between several. */
const insecureHosts = z
  .string()
  .max(2048)
  .regex(/^[\w.:[\]-]+(,[\w.:[\]-]+)*$/, 'must be host[:port], with commas between several')

/**
 * `isPrivate`: only this user can call. Nobody else may have the node speak to private addresses,
 * or take the word of a registry over plain http.
 */
export function addVerdictRoutes(
  app: FastifyInstance,
  service: NodeService,
  isPrivate: boolean,
): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/verdict',
    id: 'getVerdict',
    tag: 'asking',
    summary: 'Whether enough operators whom the policy trusts rebuilt this image.',
    query: z.strictObject({
      image: reference,
      platform: platformArgument.exactOptional(),
      insecure: insecureHosts.exactOptional(),
    }),
    reply: verdictReply,
    timeoutMs: VERDICT_TIMEOUT_MS,
    answer: ({ query, signal }) => {
      const { insecure, ...rest } = query
      if (insecure === undefined) return service.verdict(rest, signal)
      if (isPrivate) return service.verdict({ ...rest, insecure: insecure.split(',') }, signal)
      throw new HttpError(
        'bad-request',
        '"insecure" is taken over the unix socket only: list the host in config.toml or in the project file',
      )
    },
  })
}
