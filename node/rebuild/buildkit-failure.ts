/**
 * What it means that a build by BuildKit failed. As with buildah: only a step or a Dockerfile that
 * fails by itself speaks about the recipe; what is not recognized is this machine's.
 */
import { BuildError } from './build-error.ts'
import { DISK_FULL, NETWORK, tidyReason, type FailedCommand } from './failed-command.ts'

const KILLED = /exit code: 137\b|signal: killed|context canceled/
const INVALID =
  /dockerfile parse error|unknown instruction|the Dockerfile cannot be empty|file with no instructions|failed to parse stage name|target stage .* could not be found|failed to reach build target|invalid from flag value|circular dependency detected|no build stage in current context/i
const UNREACHABLE =
  /failed to dial|connection refused|transport is closing|error reading server preface|unavailable/i
/** The daemon went away in the middle. */
const GONE = /code = Unavailable|error reading from server|graceful_stop/i
const SOURCE =
  /failed to resolve source metadata|failed to load cache key|failed to do request|failed to authorize|pull access denied|failed to copy: |unexpected status from|: not found$|failed to fetch|failed commit on ref/i
const MISSING_FILE = /failed to calculate checksum of ref|failed to compute cache key/
const DENIED = /denied by policy|not allowed by policy/
const ENTITLEMENT = /entitlement|is not allowed/

export function explainBuildKitFailure(
  failed: FailedCommand & { readonly address: string | undefined },
): BuildError {
  const { output, exitCode, address } = failed
  // buildctl and buildx put it differently.
  const last = output
    .split('\n')
    .findLast((line) => /^(?:error|ERROR): /.test(line))
    ?.replace(/^\w+: (?:failed to build: )?/, 'error: ')
  const why = tidyReason(last?.replace(/^error: (?:failed to solve: )?/, '') ?? output, failed)
  if (DISK_FULL.test(output)) {
    return new BuildError('disk-full', `disk full while building: ${why}`)
  }
  if (last === undefined) {
    return exitCode !== undefined && exitCode > 128
      ? new BuildError('builder-killed', `buildctl was killed (exit code ${exitCode})`)
      : new BuildError(
          'builder-failed',
          `buildctl failed (exit code ${exitCode ?? 'none'}): ${why}`,
        )
  }
  if (!last.startsWith('error: failed to solve: ') || GONE.test(last)) {
    return GONE.test(last) || UNREACHABLE.test(last)
      ? new BuildError(
          'builder-unreachable',
          `buildkitd${address === undefined ? '' : ` at ${address}`} does not answer: ${why}`,
        )
      : new BuildError('builder-failed', `buildctl failed: ${why}`)
  }
  if (DENIED.test(last)) return explainDenied(last, why)
  if (last.includes('did not complete successfully')) {
    if (KILLED.test(last)) return new BuildError('builder-killed', `a step was killed: ${why}`)
    if (/runc run failed|OCI runtime/.test(output)) {
      return new BuildError('builder-failed', `a step could not be started: ${why}`)
    }
    if (failed.network && NETWORK.test(output)) {
      return new BuildError('step-fetch-failed', `a step could not reach the network: ${why}`)
    }
    return new BuildError('step-failed', `a Dockerfile step failed, see the end of the log: ${why}`)
  }
  if (INVALID.test(last)) {
    return new BuildError('dockerfile-invalid', `BuildKit does not accept the Dockerfile: ${why}`)
  }
  if (MISSING_FILE.test(last) && last.trim().endsWith('not found')) {
    return new BuildError('step-failed', `a Dockerfile step copies what is not there: ${why}`)
  }
  if (SOURCE.test(last)) {
    return new BuildError('base-fetch-failed', `cannot fetch what the build starts from: ${why}`)
  }
  if (ENTITLEMENT.test(last)) {
    return new BuildError('recipe-asks-privilege', `no rebuild is given that: ${why}`)
  }
  return new BuildError('builder-failed', `BuildKit failed: ${why}`)
}

function explainDenied(last: string, why: string): BuildError {
  if (last.includes('docker-image://')) {
    return new BuildError(
      'recipe-reads-own-image',
      `the build reads the project's own image: it would reproduce anything: ${why}`,
    )
  }
  return new BuildError('step-failed', `the recipe asks for no network, and fetches: ${why}`)
}
