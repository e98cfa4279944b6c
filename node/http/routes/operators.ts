import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { reference } from '../schema/identifiers.ts'
import { operator, operators, ownCard, trustRequest } from '../schema/operator.ts'
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
}
