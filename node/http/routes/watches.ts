import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { reference } from '../schema/identifiers.ts'
import { watch, watches } from '../schema/watch.ts'

/** A look lists tags, fetches sources and reads images. */
const LOOK_TIMEOUT_MS = 30 * 60_000

export function addWatchRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/watches',
    id: 'listWatches',
    tag: 'projects',
    summary: 'The projects whose new releases this node announces by itself, and their tags.',
    reply: watches,
    answer: () => service.watches(),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/watches/:image/poll',
    id: 'pollWatch',
    tag: 'projects',
    summary: 'Looks at the tags of a project now, and announces what is new.',
    params: z.strictObject({ image: reference }),
    reply: watch,
    timeoutMs: LOOK_TIMEOUT_MS,
    answer: ({ params, signal }) => service.pollWatch(params.image, signal),
  })
}
