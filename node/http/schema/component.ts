/**
 * The named schemas of the API: zod checks what comes in, OpenAPI describes what goes out.
 *
 * Every request and response body is one component, so that the description refers to it by name
 * and a generated client has a type for it.
 */
import { z } from 'zod'

const COMPONENT_PREFIX = '#/components/schemas/'

const components = z.registry<{ id: string }>()
const names = new WeakMap<z.ZodType, string>()

/** Gives a schema its name in the description. */
export function component<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  components.add(schema, { id: name })
  names.set(schema, name)
  return schema
}

/** A named list of a component. */
export function list<Value>(name: string, item: z.ZodType<Value>): z.ZodType<readonly Value[]> {
  return component(name, z.array(item))
}

/** The reference by which a description names a component. */
export function referenceTo(schema: z.ZodType): { readonly $ref: string } {
  const name = names.get(schema)
  if (name === undefined) throw new Error('a body schema has no component name')
  return { $ref: `${COMPONENT_PREFIX}${name}` }
}

/** JSON Schemas (2020-12) of all components, by name. */
export function describeComponents(): Record<string, Record<string, unknown>> {
  const { schemas } = z.toJSONSchema(components, {
    target: 'draft-2020-12',
    uri: (id) => `${COMPONENT_PREFIX}${id}`,
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $id: _id, $schema: _schema, ...rest } = schema as Record<string, unknown>
      return [name, rest]
    }),
  )
}

/** JSON Schema of parameters, which stand in the description themselves. */
export function describeParameters(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _schema, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
  })
  return rest
}
