import { z } from 'zod'
import type { Problem } from '../problem.ts'
import { component } from './component.ts'

export const problem: z.ZodType<Problem> = component(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    family: z.string(),
  }),
)
