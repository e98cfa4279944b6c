import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { NodeService } from '../node-service.ts'
import { addRoute } from '../route.ts'
import { reference } from '../schema/identifiers.ts'
import { announceRequest, release, releases } from '../schema/release.ts'

/** An announcement fetches the source, the registry's manifests and their labels. */
const ANNOUNCE_TIMEOUT_MS = 15 * 60_000

export function addReleaseRoutes(app: FastifyInstance, service: NodeService): void {
  addRoute(app, {
    method: 'GET',
    path: '/v1/releases',
    id: 'listReleases',
    tag: 'releases',
    summary: 'Announced releases of the followed projects, newest first, with their verdicts.',
    query: z.strictObject({ image: reference.exactOptional() }),
    reply: releases,
    answer: ({ query }) => service.releases(query),
  })
  addRoute(app, {
    method: 'POST',
    path: '/v1/releases',
    id: 'announceRelease',
    tag: 'releases',
    summary: 'Resolves the recipe, signs a release and publishes it.',
    body: announceRequest,
    reply: release,
    timeoutMs: ANNOUNCE_TIMEOUT_MS,
    answer: ({ body, signal }) => service.announce(body, signal),
  })
}
