/**
 * What it means that buildah failed.
 *
 * Only a step or a Dockerfile that fails by itself speaks about the recipe. A registry, a network,
 * a disk or a killer speaks about this machine, and so does everything that is not recognized: a
 * retry costs a build, a wrong `recipe` failure is signed.
 */
import { BuildError } from './build-error.ts'

export interface FailedCommand {
  readonly phase: 'pull' | 'build' | 'export'
  readonly exitCode: number | undefined
  /** The end of what it wrote. */
  readonly output: string
  /** False: RUN steps had no network, so that missing it is the recipe's own doing. */
  readonly network: boolean
  /** Replaced in messages by $WORK and $SOURCE: they differ at each build. */
  readonly work: string
  readonly source: string
}

const DISK_FULL = /no space left on device|disk quota exceeded/i
const KILLED = /\bexited on (?:killed|signal: killed)|exit status 137\b|signal: killed/i
const REGISTRY =
  /initializing source|pinging container registry|reading manifest|determining manifest|(?:reading|copying|fetching) blob|unable to retrieve auth token|writing blob/i
const INVALID =
  /unknown instruction|no FROM statement found|no contents in|parse error|syntax error|was not found in the provided Dockerfile|no stage or image found with that name|dockerfile parse/i

/** Network troubles that pass, as resolvers, apt, curl, wget, pip and npm put them. */
const NETWORK =
  /temporary failure (?:resolving|in name resolution)|could(?: not|n't) resolve host|bad address '|unable to resolve host address|network is unreachable|no route to host|connection (?:refused|timed out|reset by peer)|connect timeout|mirror sync in progress|hash sum mismatch|operation timed out|EAI_AGAIN|TLS handshake timeout|unable to connect to|\b(?:429 +Too Many|502 +Bad Gateway|503 +Service|504 +Gateway)/i

export function explainFailure(failed: FailedCommand): BuildError {
  const { phase, output, exitCode } = failed
  const last = output.split('\n').findLast((line) => /^error:? /i.test(line))
  const why = tidy(last?.replace(/^error:? /i, '') ?? output, failed)
  if (DISK_FULL.test(output)) {
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

const MAX_REASON_LENGTH = 400

function tidy(text: string, { work, source }: FailedCommand): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  return line.replaceAll(work, '$WORK').replaceAll(source, '$SOURCE').slice(0, MAX_REASON_LENGTH)
}
