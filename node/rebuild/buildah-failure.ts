/**
 * What it means that buildah failed.
 *
 * Only a step or a Dockerfile that fails by itself speaks about the recipe. A registry, a network,
 * a disk or a killer speaks about this machine, and so does everything that is not recognized: a
 * retry costs a build, a wrong `recipe` failure is signed.
 */
import { BuildError } from './build-error.ts'
import { DISK_FULL, NETWORK, tidyReason, type FailedCommand } from './failed-command.ts'

export interface FailedBuildah extends FailedCommand {
  readonly phase: 'pull' | 'build' | 'export'
}

const KILLED = /\bexited on (?:killed|signal: killed)|exit status 137\b|signal: killed/i
const REGISTRY =
  /initializing source|pinging container registry|reading manifest|determining manifest|(?:reading|copying|fetching) blob|unable to retrieve auth token|writing blob/i
/** Layers are piped into a file; what ends the pipe before the layer ends is a disk without room. */
const PIPE_ENDED = /storing layer "[^"]*" to file: io: read\/write on closed pipe/
const INVALID =
  /unknown instruction|no FROM statement found|no contents in|parse error|syntax error|was not found in the provided Dockerfile|no stage or image found with that name|dockerfile parse/i

export function explainFailure(failed: FailedBuildah): BuildError {
  const { phase, output, exitCode } = failed
  const last = output.split('\n').findLast((line) => /^error:? /i.test(line))
  const why = tidyReason(last?.replace(/^error:? /i, '') ?? output, failed)
  if (DISK_FULL.test(output) || (last !== undefined && PIPE_ENDED.test(last))) {
    return new BuildError('disk-full', `disk full while building: ${why}`)
  }
  if (phase === 'pull') {
    return new BuildError('base-fetch-failed', `cannot fetch a base image: ${why}`)
  }
  if (phase === 'export') {
    return new BuildError('export-failed', `buildah could not write the image: ${why}`)
  }
  if (last === undefined) {
    return exitCode !== undefined && exitCode > 128
      ? new BuildError('builder-killed', `buildah was killed (exit code ${exitCode})`)
      : new BuildError('builder-failed', `buildah failed (exit code ${exitCode ?? 'none'}): ${why}`)
  }
  if (INVALID.test(last)) {
    return new BuildError('dockerfile-invalid', `buildah does not accept the Dockerfile: ${why}`)
  }
  if (REGISTRY.test(last)) {
    return new BuildError('base-fetch-failed', `cannot fetch a base image: ${why}`)
  }
  if (!last.includes('building at STEP')) {
    return new BuildError('builder-failed', `buildah failed: ${why}`)
  }
  if (KILLED.test(output)) {
    return new BuildError('builder-killed', `a step was killed: ${why}`)
  }
  if (failed.network && NETWORK.test(output)) {
    return new BuildError('step-fetch-failed', `a step could not reach the network: ${why}`)
  }
  return new BuildError('step-failed', `a Dockerfile step failed, see the end of the log: ${why}`)
}
