import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { key, reference } from '../schema/identifiers.ts'
import {
  cards,
  operator,
  operators,
  ownCard,
  revocation,
  trustListImport,
  trustListPreview,
  trustListRequest,
  trustRequest,
} from '../schema/operator.ts'
import { done } from '../schema/project.ts'

export function addOperatorRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/operators',
    id: 'listOperators',
    tag: 'trust',
    summary: 'Operators that are known here, and whether the policy trusts them.',
    reply: operators,
    answer: () => service.operators(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/operators',
    id: 'trustOperator',
    tag: 'trust',
    summary: 'Adds an operator to the policy, by its card or its id.',
    body: trustRequest,
    reply: operator,
    answer: ({ body }) => service.trust(body),
  })
  addRoute(app, {
    method: 'DELETE',
    path: '/v1/operators/:operator',
    id: 'untrustOperator',
    tag: 'trust',
    summary: 'Takes an operator out of the policy, by its id or its name.',
    params: z.strictObject({ operator: reference }),
    reply: done,
    answer: async ({ params }) => {
      await service.untrust(params.operator)
      return { done: true as const }
    },
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/card',
    id: 'getCard',
    tag: 'trust',
    summary: "This node's own operator card, for others to trust.",
    reply: ownCard,
    answer: () => service.ownCard(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/card',
    id: 'adoptCard',
    tag: 'trust',
    summary: 'Puts a newer card of the own operator in the place of the one here.',
    body: cards,
    reply: operator,
    answer: ({ body }) => service.adoptCard(body),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/log-ends/:key',
    id: 'getLogEnd',
    tag: 'trust',
    summary:
      'Where the newest log of a key of the own operator stands, or stood at a smaller size.',
    params: z.strictObject({ key }),
    query: z.strictObject({ size: z.coerce.number().int().min(0).exactOptional() }),
    reply: revocation,
    answer: ({ params, query }) => service.logEnd(params.key, query.size),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/trust-lists/preview',
    id: 'previewTrustList',
    tag: 'trust',
    summary: 'What importing a signed list of operators would change. Changes nothing.',
    body: trustListRequest,
    reply: trustListPreview,
    answer: ({ body }) => service.previewTrustList(body),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/trust-lists',
    id: 'importTrustList',
    tag: 'trust',
    summary: 'Imports a signed list of operators, if it still changes what its preview said.',
    body: trustListImport,
    reply: trustListPreview,
    answer: ({ body }) => service.importTrustList(body),
  })
}
