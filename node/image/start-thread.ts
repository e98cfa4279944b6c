/** Starts one of the threads that read layers. */
import { Worker } from 'node:worker_threads'
import type { LaneThreadData } from './layer-thread-message.ts'

/** Little of what a thread makes lives long; V8's default would let garbage pile up. */
const YOUNG_GENERATION_MB = 4

/** `name`: of a file beside this one. */
export function startThread(name: string, workerData: LaneThreadData): Worker {
  // From dist/ the compiled file, from the sources the source.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./${name}.${extension}`, import.meta.url), {
    name: `rebuildnet ${name}`,
    workerData,
    execArgv: [],
    // A pipe is opened by one and closed by another.
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
}
