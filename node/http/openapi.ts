/** The description of the API, made from the routes themselves. */
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { describeRoute, type RouteSchema } from './route.ts'
import { describeComponents } from './schema/component.ts'

export async function addOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'rebuildnet node',
        version,
        description:
          'What a rebuildnet node knows and does. Served on a unix socket in its data folder, and on 127.0.0.1 if asked; a change over TCP needs the bearer token of the data folder.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      },
    },
    transform: ({ schema, url }) => ({
      schema: describeRoute(schema as unknown as RouteSchema),
      url,
    }),
    transformObject: (document) => {
      const { openapiObject } = document as { openapiObject: Record<string, unknown> }
      const components = openapiObject.components as Record<string, unknown>
      return { ...openapiObject, components: { ...components, schemas: describeComponents() } }
    },
  })
}
