import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { reference } from '../schema/identifiers.ts'
import { statistics } from '../schema/statistics.ts'
import { done, followPreview, followRequest, project, projects } from '../schema/project.ts'

const MAX_LAST = 10_000

export function addProjectRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/statistics',
    id: 'getStatistics',
    tag: 'projects',
    summary:
      'Time to quorum, agreement and build times of the newest releases of the followed projects.',
    query: z.strictObject({
      image: reference.exactOptional(),
      last: z.coerce.number().int().min(1).max(MAX_LAST).exactOptional(),
    }),
    reply: statistics,
    answer: ({ query }) => service.statistics(query),
  })
  addRoute(app, {
    method: 'GET',
    path: '/v1/projects',
    id: 'listProjects',
    tag: 'projects',
    summary: 'The followed projects.',
    reply: projects,
    answer: () => service.projects(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/projects',
    id: 'followProject',
    tag: 'projects',
    summary: 'Follows the project of a project file; replaces it where it is followed already.',
    body: followRequest,
    reply: project,
    answer: ({ body }) => service.follow(body),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/projects/preview',
    id: 'previewProject',
    tag: 'projects',
    summary: 'What following a project would mean on this machine. Changes nothing.',
    body: followRequest,
    reply: followPreview,
    answer: ({ body }) => service.previewFollow(body),
  })
  addRoute(app, {
    method: 'DELETE',
    path: '/v1/projects/:image',
    id: 'unfollowProject',
    tag: 'projects',
    summary: 'Stops following a project. What was published about it stays.',
    params: z.strictObject({ image: reference }),
    reply: done,
    answer: async ({ params }) => {
      await service.unfollow(params.image)
      return { done: true as const }
    },
  })
}
