import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { HttpError } from '../http-error.ts'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { reference } from '../schema/identifiers.ts'
import { statement, statements, withdrawRequest } from '../schema/statement.ts'

const MAX_LOG_LIMIT = 1000
const DEFAULT_LOG_LIMIT = 100

export function addStatementRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/statements/:sid',
    id: 'getStatement',
    tag: 'statements',
    summary: 'One statement, by its sid, a prefix of 8 hex digits or more, or IMAGE@VERSION.',
    params: z.strictObject({ sid: reference }),
    reply: statement,
    answer: async ({ params }) => {
      const found = await service.statement(params.sid)
      if (found !== undefined) return found
      throw new HttpError('not-found', `no statement ${params.sid} is known here`)
    },
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/log',
    id: 'listLog',
    tag: 'statements',
    summary: 'What this node itself has published, in that order.',
    query: z.strictObject({
      image: reference.exactOptional(),
      limit: z.coerce.number().int().min(1).max(MAX_LOG_LIMIT).default(DEFAULT_LOG_LIMIT),
    }),
    reply: statements,
    answer: ({ query }) => service.log(query),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/withdrawals',
    id: 'withdraw',
    tag: 'statements',
    summary: 'Takes back a release or a result of this node. A withdrawal cannot be withdrawn.',
    body: withdrawRequest,
    reply: statement,
    answer: ({ body }) => service.withdraw(body.reference, body.reason),
  })
}
