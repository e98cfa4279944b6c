/** What one build may use, as the configuration says it. */
import type { Config } from './config.ts'
import { defaultBuildLimits } from './rebuild/builder.ts'

const MB = 1024 * 1024

export function buildLimits({ build }: Config): typeof defaultBuildLimits {
  return {
    ...defaultBuildLimits,
    timeoutMs: build.timeoutSeconds * 1000,
    memoryBytes: build.memoryMb * MB,
    diskBytes: build.diskMb * MB,
    processes: build.processes,
    cpus: build.cpus,
    logBytes: build.logMb * MB,
  }
}
