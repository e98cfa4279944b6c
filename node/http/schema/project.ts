import { z } from 'zod'
import type { FollowPreview, FollowRequest, ProjectSummary } from '../node-service.ts'
import { component, list } from './component.ts'
import { image, operatorId, platform } from './identifiers.ts'
import { priority } from './queue.ts'

const MAX_PROJECT_FILE_CHARACTERS = 128 * 1024

const fields = {
  image,
  source: z.string(),
  platforms: z.array(platform),
  announcers: z.array(operatorId),
  builders: z.array(z.string()),
  profile: z.string(),
  build: z.boolean(),
  trustRecipe: z.boolean(),
  priority,
  insecure: z.array(z.string()),
  announce: z.boolean(),
}

export const project: z.ZodType<ProjectSummary> = component('Project', z.object(fields))

export const projects = list('Projects', project)

export const followPreview: z.ZodType<FollowPreview> = component(
  'FollowPreview',
  z.object({
    ...fields,
    isolation: z.string(),
    network: z.string(),
    diskBytes: z.number(),
    replaces: z.boolean(),
    warnings: z.array(z.string()),
  }),
)

export const followRequest: z.ZodType<FollowRequest> = component(
  'FollowRequest',
  z.strictObject({
    projectFile: z.string().min(1).max(MAX_PROJECT_FILE_CHARACTERS),
    build: z.boolean(),
    trustRecipe: z.boolean(),
    priority: priority.exactOptional(),
    announce: z.boolean().exactOptional(),
  }),
)

/** What a change that has nothing to tell answers. */
export const done = component('Done', z.object({ done: z.literal(true) }))
