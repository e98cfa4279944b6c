/**
 * One route: how it is called, what it takes, what it answers with, and who answers.
 *
 * The same definition validates the input, types the handler and writes the OpenAPI description, so
 * that the three cannot disagree.
 */
import type { FastifyInstance, RouteOptions, FastifyReply } from 'fastify'
import type { z } from 'zod'
import { describeParameters, referenceTo } from './schema/component.ts'
import { problem } from './schema/problem.ts'
import { PROBLEM_MEDIA_TYPE } from './problem.ts'

interface RouteInput<Params, Query, Body> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** Aborted when the caller goes away or the time for the route is over. */
  readonly signal: AbortSignal
}

export interface Route<Params, Query, Body, Reply> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With `:name` for parameters. */
  readonly path: string
  /** Name of the operation in generated clients. */
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly params?: z.ZodType<Params>
  readonly query?: z.ZodType<Query>
  readonly body?: z.ZodType<Body>
  readonly reply: z.ZodType<Reply>
  /** Largest body; the app's default where absent. */
  readonly bodyLimitBytes?: number
  /** How long it may take; the app's default where absent. */
  readonly timeoutMs?: number
  answer(input: RouteInput<Params, Query, Body>): Promise<Reply>
  /** 200 where absent. */
  readonly statusOf?: (reply: Reply) => number
}

/** What the description and the validator of a route are made from. */
export interface RouteSchema {
  readonly params?: z.ZodType
  readonly querystring?: z.ZodType
  readonly body?: z.ZodType
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  /** What a caller over TCP must show. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  /** Reply of 200, and its media type. */
  readonly reply: z.ZodType
  readonly mediaType: string
}

export function addRoute<Params, Query, Body, Reply>(
  app: FastifyInstance,
  route: Route<Params, Query, Body, Reply>,
): void {
  const schema: RouteSchema = {
    operationId: route.id,
    summary: route.summary,
    tags: [route.tag],
    reply: route.reply,
    mediaType: 'application/json',
    ...(route.method === 'GET' ? {} : { security: [{ token: [] }] }),
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query }),
    ...(route.body === undefined ? {} : { body: route.body }),
  }
  const options: RouteOptions = {
    method: route.method,
    url: route.path,
    schema,
    handler: async (request, reply) => {
      const answer = await route.answer({
        params: request.params as Params,
        query: request.query as Query,
        body: request.body as Body,
        signal: callerSignal(reply),
      })
      if (route.statusOf !== undefined) void reply.code(route.statusOf(answer))
      return answer
    },
  }
  if (route.bodyLimitBytes !== undefined) options.bodyLimit = route.bodyLimitBytes
  if (route.timeoutMs !== undefined) options.handlerTimeout = route.timeoutMs
  app.route(options)
}

/**
 * Aborts when the connection ends before the answer does. The framework's `request.signal` aborts
 * as soon as the body of a request has been read.
 */
function callerSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the caller has gone'))
  })
  return controller.signal
}

/** The OpenAPI form of a route's schema. */
export function describeRoute(schema: RouteSchema): Record<string, unknown> {
  const { params, querystring, body, reply, mediaType, ...rest } = schema
  return {
    ...rest,
    ...(params === undefined ? {} : { params: describeParameters(params) }),
    ...(querystring === undefined ? {} : { querystring: describeParameters(querystring) }),
    ...(body === undefined ? {} : { body: referenceTo(body) }),
    response: {
      200: { description: 'Done.', content: { [mediaType]: { schema: referenceTo(reply) } } },
      default: {
        description: 'What is wrong, where, and what to do (RFC 9457).',
        content: { [PROBLEM_MEDIA_TYPE]: { schema: referenceTo(problem) } },
      },
    },
  }
}
