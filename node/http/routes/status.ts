import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { alerts } from '../schema/alert.ts'
import { health, peers, pruneReport, pruneRequest, readiness, status } from '../schema/status.ts'

export function addStatusRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/status',
    id: 'getStatus',
    tag: 'node',
    summary: 'Who this node is, and what it is doing.',
    reply: status,
    answer: () => service.status(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/prune',
    id: 'prune',
    tag: 'node',
    summary: 'Lets go of what no verdict over the followed projects needs, and of old build logs.',
    body: pruneRequest,
    reply: pruneReport,
    answer: ({ body }) => service.prune(body),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/peers',
    id: 'listPeers',
    tag: 'node',
    summary: 'Nodes that this one is connected to.',
    reply: peers,
    answer: () => service.peers(),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/alerts',
    id: 'listAlerts',
    tag: 'watching',
    summary: 'Alerts, newest first; with open=true only those that last.',
    query: z.strictObject({
      open: z.stringbool({ truthy: ['true'], falsy: ['false'] }).exactOptional(),
    }),
    reply: alerts,
    answer: ({ query }) => service.alerts(query),
  })
  addRoute(app, {
    method: 'GET',
    path: '/healthz',
    id: 'getHealth',
    tag: 'node',
    summary: 'Whether the process answers at all.',
    reply: health,
    answer: async () => ({ ok: true as const }),
  })
  addRoute(app, {
    method: 'GET',
    path: '/readyz',
    id: 'getReadiness',
    tag: 'node',
    summary: 'Whether the node does its work; the status is 503 where it does not.',
    reply: readiness,
    answer: async () => {
      const { running, readOnlyReason } = await service.status()
      const reasons = [
        ...(running ? [] : ['the node is not running']),
        ...(readOnlyReason === null ? [] : [readOnlyReason]),
      ]
      return { ready: reasons.length === 0, reasons }
    },
    statusOf: (reply) => (reply.ready ? 200 : 503),
  })
}
