import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'
import { queue, queueItem, rebuildPlans, rebuildRequest } from '../schema/queue.ts'

export function addQueueRoutes(app: FastifyInstance, service: NodeService): void {
  const id = z.strictObject({ id: reference })
  addRoute(app, {
    method: 'GET',
    path: '/v1/queue',
    id: 'listQueue',
    tag: 'rebuilding',
    summary: 'Rebuilds that wait, run, are retried or are done.',
    reply: queue,
    answer: () => service.queue(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/queue/:id/retry',
    id: 'retryQueueItem',
    tag: 'rebuilding',
    summary: 'Tries a failed or cancelled rebuild again, now.',
    params: id,
    reply: queueItem,
    answer: ({ params }) => service.retryQueueItem(params.id),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/queue/:id/cancel',
    id: 'cancelQueueItem',
    tag: 'rebuilding',
    summary: 'Cancels a rebuild that waits or runs. Nothing is published about it.',
    params: id,
    reply: queueItem,
    answer: ({ params }) => service.cancelQueueItem(params.id),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/rebuilds/plan',
    id: 'planRebuild',
    tag: 'rebuilding',
    summary: 'The exact commands by which this node would rebuild a release. Runs nothing.',
    query: z.strictObject({ reference, platform: platformArgument.exactOptional() }),
    reply: rebuildPlans,
    answer: ({ query }) => service.planRebuild(query.reference, query.platform),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/rebuilds',
    id: 'rebuild',
    tag: 'rebuilding',
    summary: 'Puts a release on the queue.',
    body: rebuildRequest,
    reply: queue,
    answer: ({ body }) => service.rebuild(body.reference, body.platform),
  })
}
