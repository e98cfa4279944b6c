/** A builder and its workshop for the tests of one `describe`. */
import { afterAll, beforeAll } from 'vitest'
import type { Builder, BuildJob, BuildResult } from '../../node/rebuild/builder.ts'
import { readLayout, SHELL_BASE, Workshop, type Layout } from './workshop.ts'

type Failed = Extract<BuildResult, { kind: 'failed' }>

export interface BuilderInUse {
  readonly builder: () => Builder
  readonly workshop: () => Workshop
  readonly never: AbortSignal
  /** The image of a build that must succeed. */
  readonly build: (job: BuildJob) => Promise<Layout>
  /** How a build fails that must. */
  readonly fail: (job: BuildJob, signal?: AbortSignal) => Promise<Failed>
  /** A source whose Dockerfile has a shell and these steps. */
  readonly dockerfile: (steps: string) => Promise<string>
}

export function useBuilder(create: () => Builder): BuilderInUse {
  const never = new AbortController().signal
  let workshop: Workshop | undefined
  let builder: Builder | undefined
  beforeAll(async () => {
    workshop = await Workshop.open()
    builder = create()
  })
  afterAll(() => workshop?.close())
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('before the first test')
    return value
  }
  return {
    builder: () => there(builder),
    workshop: () => there(workshop),
    never,
    build: async (job) => {
      const result = await there(builder).build(job, never)
      if (result.kind === 'failed') throw new Error(`${result.message}\n${result.logTail}`)
      return readLayout(result.image)
    },
    fail: async (job, signal = never) => {
      const result = await there(builder).build(job, signal)
      if (result.kind === 'built') throw new Error('the build should have failed')
      return result
    },
    dockerfile: (steps) => there(workshop).makeSource({ Dockerfile: SHELL_BASE + steps }),
  }
}
