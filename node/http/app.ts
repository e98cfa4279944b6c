/**
 * The API as a fastify app that need not listen: the server puts it on a socket, and a command
 * where no node runs asks it in its own process (`app.inject`). node/http/README.md.
 */
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { z } from 'zod'
import { issueWords } from '../../protocol/issue-words.ts'
import { JsonError, parseJson } from '../../protocol/json.ts'
import type { Logger } from '../logger.ts'
import { isSystemError } from '../system-error.ts'
import { EventHub, type EventHubOptions } from './event-hub.ts'
import { HttpError } from './http-error.ts'
import type { NodeService } from './node-service.ts'
import { addOpenApi } from './openapi.ts'
import { createProblem, isFamilyError, PROBLEM_MEDIA_TYPE } from './problem.ts'
import { checkRequest, type Guard } from './request-guard.ts'
import { addRoute } from './route.ts'
import {
  addEventRoutes,
  defaultEventRouteOptions,
  type EventRouteOptions,
} from './routes/events.ts'
import { addBundleRoutes } from './routes/bundles.ts'
import { addDiffRoutes } from './routes/diff.ts'
import { addOperatorRoutes } from './routes/operators.ts'
import { addProjectRoutes } from './routes/projects.ts'
import { addQueueRoutes } from './routes/queue.ts'
import { addReleaseRoutes } from './routes/releases.ts'
import { addStatementRoutes } from './routes/statements.ts'
import { addStatusRoutes } from './routes/status.ts'
import { addVerdictRoutes } from './routes/verdict.ts'
import { addWatchRoutes } from './routes/watches.ts'
import { component } from './schema/component.ts'

export interface AppComponents {
  readonly service: NodeService
  readonly logger: Logger
}

export interface AppOptions {
  /** Who may call over TCP; undefined where the transport itself is private. */
  readonly guard?: Guard
  /** Name of this run in event ids; without one there are no events. */
  readonly run?: string
  readonly bodyLimitBytes: number
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs: number
  /** How long an ordinary route may take. */
  readonly handlerTimeoutMs: number
  readonly events: EventRouteOptions & Partial<EventHubOptions>
}

const defaultAppOptions: AppOptions = Object.freeze({
  bodyLimitBytes: 256 * 1024,
  requestTimeoutMs: 10_000,
  handlerTimeoutMs: 30_000,
  events: defaultEventRouteOptions,
})

const API_VERSION = '1'
const MAX_PATH_PARAMETER_CHARACTERS = 1024
const BODY_LIMITS = { maxDepth: 16, maxStringLength: Number.POSITIVE_INFINITY }
const openApi = component('OpenApi', z.record(z.string(), z.unknown()))

export async function createApp(
  { service, logger }: AppComponents,
  given: Partial<AppOptions> = {},
): Promise<FastifyInstance> {
  const options = { ...defaultAppOptions, ...given }
  const app = fastify({
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs,
    handlerTimeout: options.handlerTimeoutMs,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER_CHARACTERS },
    return503OnClosing: true,
    frameworkErrors: sendProblem,
  })
  app.removeAllContentTypeParsers()
  // What two readers could read differently is not guessed at; how large a body is has its own limit.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer, BODY_LIMITS))
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      done(new HttpError('bad-request', `the body is not strict JSON: ${error.message}`))
    }
  })
  app.setValidatorCompiler(({ schema }) => (data: unknown) => {
    const parsed = (schema as z.ZodType).safeParse(data)
    return parsed.success
      ? { value: parsed.data }
      : { error: new HttpError('bad-request', describeIssue(parsed.error)) }
  })
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.addHook('onRequest', async (request, reply) => {
    if (options.guard !== undefined) checkRequest(options.guard, request.method, request.headers)
    void reply.headers({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    })
  })
  function sendProblem(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    const known = toFamilyError(error)
    const problem = createProblem(known)
    if (!isFamilyError(known)) {
      // A full disk is nobody's bug: where it was met says nothing.
      const why = isSystemError(known) ? { reason: problem.detail } : { err: error }
      logger.error({ ...why, method: request.method, path: request.url }, 'a request failed')
    }
    void reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem))
  }
  app.setErrorHandler(sendProblem)
  app.setNotFoundHandler((request) => {
    throw new HttpError(
      'not-found',
      `${request.method} ${request.url.split('?')[0] ?? ''} is not part of this API: see /openapi.json`,
    )
  })

  const hub =
    options.run === undefined
      ? undefined
      : new EventHub({ service, run: options.run }, options.events)
  hub?.start()
  app.addHook('onClose', async () => hub?.stop())

  await addOpenApi(app, API_VERSION)
  addVerdictRoutes(app, service, options.guard === undefined)
  addWatchRoutes(app, service)
  addDiffRoutes(app, service)
  addBundleRoutes(app, service)
  addReleaseRoutes(app, service)
  addStatementRoutes(app, service)
  addProjectRoutes(app, service)
  addQueueRoutes(app, service)
  addOperatorRoutes(app, service)
  addStatusRoutes(app, service)
  addEventRoutes(app, hub, options.events)
  addRoute(app, {
    method: 'GET',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'node',
    summary: 'This description.',
    reply: openApi,
    answer: async () => app.swagger() as unknown as Record<string, unknown>,
  })
  await app.ready()
  return app
}

/** What fastify itself found wrong, in our words. */
function toFamilyError(error: FastifyError): Error {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HttpError('unsupported-media-type', 'a body must be application/json')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpError('body-too-large', 'the body is larger than this API takes')
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new HttpError('timeout', 'this took too long and was given up: try again')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return new HttpError('bad-request', error.message)
    default:
      return error
  }
}

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue?.code === 'unrecognized_keys') return `unknown field "${issue.keys[0] ?? ''}"`
  const where = issue?.path.join('.') ?? ''
  return `${where === '' ? 'the request' : `"${where}"`} ${issueWords(issue)}`
}
