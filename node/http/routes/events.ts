import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { EventHub } from '../event-hub.ts'
import { EventStream, type EventStreamOptions } from '../event-stream.ts'
import { HttpError } from '../http-error.ts'
import type { RouteSchema } from '../route.ts'
import { EVENT_TYPES, streamEvent } from '../schema/event.ts'

export interface EventRouteOptions extends Partial<EventStreamOptions> {
  readonly maxStreams: number
}

export const defaultEventRouteOptions: EventRouteOptions = Object.freeze({ maxStreams: 32 })

const query = z.strictObject({
  /** Comma-separated. */
  types: z
    .string()
    .regex(new RegExp(`^(${EVENT_TYPES.join('|')})(,(${EVENT_TYPES.join('|')}))*$`), {
      message: `must be of ${EVENT_TYPES.join(', ')}, separated by commas`,
    })
    .exactOptional(),
})

/** `hub` is undefined where no node runs: nothing happens there that could be told. */
export function addEventRoutes(
  app: FastifyInstance,
  hub: EventHub | undefined,
  options: EventRouteOptions,
): void {
  const streams = new Set<EventStream>()
  let stopping = false
  // Streams never end of themselves, and the server waits for open requests when it closes.
  app.addHook('preClose', async () => {
    stopping = true
    for (const stream of streams) stream.close()
  })
  const schema: RouteSchema = {
    operationId: 'streamEvents',
    summary:
      'Server-sent events. With the header Last-Event-ID the missed ones come first, or `reset` where they are no longer known.',
    tags: ['watching'],
    querystring: query,
    reply: streamEvent,
    mediaType: 'text/event-stream',
  }
  app.route({
    method: 'GET',
    url: '/v1/events',
    schema,
    handler: (request, reply) => {
      if (hub === undefined) {
        throw new HttpError(
          'needs-running-node',
          'events need a running node: start it with "rebuildnet start"',
        )
      }
      if (stopping) throw new HttpError('stopping', 'the node is stopping')
      if (streams.size >= options.maxStreams) {
        throw new HttpError(
          'too-many-streams',
          `${options.maxStreams} event streams are open already: close one`,
        )
      }
      const lastId = request.headers['last-event-id']
      const { types } = request.query as z.output<typeof query>
      reply.hijack()
      const stream = new EventStream(
        { hub, response: reply.raw },
        {
          lastId: typeof lastId === 'string' ? lastId : undefined,
          types: new Set(types?.split(',') ?? []),
        },
        options,
      )
      streams.add(stream)
      reply.raw.once('close', () => streams.delete(stream))
    },
  })
}
