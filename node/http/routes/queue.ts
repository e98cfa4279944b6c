import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { platformArgument, reference } from '../schema/identifiers.ts'
import {
  gate,
  pauseRequest,
  priorityRequest,
  queue,
  queueItem,
  rebuildPlans,
  rebuildRequest,
  resumeRequest,
} from '../schema/queue.ts'

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
    method: 'POST',
    path: '/v1/queue/:id/priority',
    id: 'prioritizeQueueItem',
    tag: 'rebuilding',
    summary: "Has a rebuild take its turn before or after others; null: as its project's do.",
    params: id,
    body: priorityRequest,
    reply: queueItem,
    answer: ({ params, body }) => service.prioritizeQueueItem(params.id, body.priority),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/queue/pause',
    id: 'pauseQueue',
    tag: 'rebuilding',
    summary: 'Lets no rebuild begin until the queue is resumed; with stop, puts back what runs.',
    body: pauseRequest,
    reply: gate,
    answer: ({ body }) => service.pauseQueue(body),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/queue/resume',
    id: 'resumeQueue',
    tag: 'rebuilding',
    summary:
      'Lets rebuilds begin again; with voting, after the operator has looked at the machine.',
    body: resumeRequest,
    reply: gate,
    answer: ({ body }) => service.resumeQueue(body),
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
