import { z } from 'zod'
import type { ProjectStatistics, Spread } from '../statistics-summary.ts'
import { component, list } from './component.ts'
import { image, operatorId, platform, seconds } from './identifiers.ts'

const count = z.number().int().min(0)
const times = {
  count,
  median: seconds.nullable(),
  p90: seconds.nullable(),
  longest: seconds.nullable(),
}

const spread: z.ZodType<Spread> = component('Spread', z.object(times))

const projectStatistics: z.ZodType<ProjectStatistics> = component(
  'ProjectStatistics',
  z.object({
    image,
    releases: z.object({ counted: count, known: count }),
    images: count,
    timeToQuorum: z.object({ ...times, open: count }),
    agreement: z.object({ results: count, agreed: count, unanimous: count }),
    operators: z.array(
      z.object({
        operator: operatorId,
        name: z.string().nullable(),
        agreed: count,
        dissented: count,
        unreproduced: count,
      }),
    ),
    buildTime: z.array(z.object({ platform, own: spread, all: spread, emulated: spread })),
  }),
)

export const statistics = list('Statistics', projectStatistics)
