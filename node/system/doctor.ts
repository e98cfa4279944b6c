/**
 * Whether this machine can do what a node does, as a list of findings.
 *
 * `fail` is what keeps the node from working, `warn` what it works without; each says what to do
 * about it.
 */
import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Clock } from '../clock.ts'
import { examineCard } from './card-expiry.ts'
import { examineRoutes, type CheckedRoutes } from './route-check.ts'
import { examineStanding, type Standing } from './standing.ts'

export interface Finding {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do; absent where all is well. */
  readonly remedy?: string
}

/** What the doctor asks of a builder; node/rebuild's builders fit. */
export interface DetectableBuilder {
  readonly name: string
  /** Where it is, if not on this machine. */
  readonly place?: string | undefined
  detect(signal: AbortSignal): Promise<
    | {
        readonly version: string
        readonly isolation: string
        readonly warnings: readonly string[]
        readonly enforces?: readonly { readonly what: string; readonly holds: boolean }[]
      }
    | undefined
  >
}

export interface DoctorComponents {
  readonly clock: Clock
  readonly builders: readonly DetectableBuilder[]
}

export interface DoctorOptions {
  /** Where statements and work folders lie. */
  readonly dataFolder: string
  /** Newest time that an own statement carries, in seconds: the clock cannot be before it. */
  readonly latestKnownTime?: number
  /** When the own operator card ends, in seconds; undefined where there is none. */
  readonly cardExpires?: number
  /** False for a node that only asks or watches. */
  readonly builds: boolean
  /** What is odd about the policy, a line each; undefined where there is no policy to read. */
  readonly policyWarnings?: readonly string[]
  /** What stands before archives for builds. */
  readonly routes?: CheckedRoutes
  /** Of the node of this folder, running or not; undefined where it cannot be asked. */
  readonly standing?: Standing
}

const MIN_NODE = [22, 18] as const
/** Below 1 GiB a node goes read-only. */
const MIN_FREE_BYTES = 1024 ** 3
const GOOD_FREE_BYTES = 10 * 1024 ** 3
/** A clock before this release was made is wrong. 2025-01-01. */
const EARLIEST_TIME = 1_735_689_600
const MAX_AHEAD_SECONDS = 600

export async function examine(
  components: DoctorComponents,
  options: DoctorOptions,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { findings, without } = options.builds
    ? await examineBuilders(components.builders, signal)
    : { findings: [], without: [] }
  return [
    examineNode(process.versions.node),
    await examineGit(options.builds, signal),
    ...findings,
    ...(options.builds ? await examineRoutes(options.routes ?? {}, without, signal) : []),
    await examineDisk(options.dataFolder),
    examineClock(components.clock, options.latestKnownTime),
    ...(options.cardExpires === undefined
      ? []
      : [examineCard(options.cardExpires, Math.floor(components.clock.now() / 1000))]),
    ...examinePolicy(options.policyWarnings),
    ...(options.standing === undefined ? [] : examineStanding(options.standing)),
  ]
}

/** A policy that cannot be met is no mistake by itself, and answers `undecided` for ever. */
export function examinePolicy(warnings: readonly string[] | undefined): readonly Finding[] {
  if (warnings === undefined) return []
  if (warnings.length === 0) return [{ name: 'policy', status: 'ok', detail: 'can be met' }]
  return warnings.map((detail) => ({
    name: 'policy',
    status: 'warn',
    detail,
    remedy: 'trust more operators with "rebuildnet trust add", or change policy.toml',
  }))
}

export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const good = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])
  if (good) return { name: 'node', status: 'ok', detail: `Node ${version}` }
  return {
    name: 'node',
    status: 'fail',
    detail: `Node ${version} is too old`,
    remedy: `install Node ${MIN_NODE.join('.')} or later`,
  }
}

async function examineGit(builds: boolean, signal: AbortSignal): Promise<Finding> {
  const result = await promisify(execFile)('git', ['--version'], { signal }).catch(() => undefined)
  if (result !== undefined) return { name: 'git', status: 'ok', detail: result.stdout.trim() }
  return {
    name: 'git',
    status: builds ? 'fail' : 'warn',
    detail: 'git is not installed',
    remedy: 'apt-get install git',
  }
}

async function examineBuilders(
  builders: readonly DetectableBuilder[],
  signal: AbortSignal,
): Promise<{
  readonly findings: readonly Finding[]
  /** Those found whose steps do not go out by way of this node. */
  readonly without: readonly string[]
}> {
  const findings: Finding[] = []
  const without: string[] = []
  let found = false
  for (const builder of builders) {
    const detected = await builder.detect(signal)
    if (detected === undefined) {
      if (builder.place === undefined) continue
      findings.push({
        name: 'builder',
        status: 'warn',
        detail: `${builder.name} at ${builder.place} does not answer`,
        remedy: 'start it, or change [[buildkit]] in config.toml; buildctl must be installed here',
      })
      continue
    }
    found = true
    const detail = `${builder.name} ${detected.version}, isolation: ${detected.isolation}`
    findings.push({ name: 'builder', status: 'ok', detail })
    const isHeld = detected.enforces?.some(({ what, holds }) => what === 'egress' && holds)
    if (isHeld !== true) {
      without.push(
        builder.place === undefined ? builder.name : `${builder.name} at ${builder.place}`,
      )
    }
    if (detected.enforces !== undefined) {
      const rows = detected.enforces.map(({ what, holds }) => `${what} ${holds ? 'yes' : 'no'}`)
      findings.push({
        name: 'enforced',
        status: 'ok',
        detail: `${builder.name}: ${rows.join(', ')}`,
      })
    }
    for (const warning of detected.warnings) {
      findings.push({
        name: 'isolation',
        status: 'warn',
        detail: `${builder.name}: ${warning}`,
        remedy: 'follow only projects whose recipes you trust on this machine',
      })
    }
  }
  if (found) return { findings, without }
  const names = [...new Set(builders.map(({ name }) => name))].join(', ')
  findings.push({
    name: 'builder',
    status: 'fail',
    detail: `none of the builders is installed: ${names}`,
    remedy: 'apt-get install buildah runc, or follow with --no-build',
  })
  return { findings, without }
}

async function examineDisk(folder: string): Promise<Finding> {
  const stats = await statfs(folder).catch(() => undefined)
  if (stats === undefined) {
    return {
      name: 'disk',
      status: 'fail',
      detail: `${folder} cannot be read`,
      remedy: 'run rebuildnet init, or name the data folder with --data',
    }
  }
  const free = stats.bavail * stats.bsize
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free under ${folder}`
  if (free >= GOOD_FREE_BYTES) return { name: 'disk', status: 'ok', detail }
  return {
    name: 'disk',
    status: free < MIN_FREE_BYTES ? 'fail' : 'warn',
    detail,
    remedy: 'free space: a build may need 10 GiB, and under 1 GiB the node goes read-only',
  }
}

export function examineClock(clock: Clock, latestKnownTime = 0): Finding {
  const now = Math.floor(clock.now() / 1000)
  const time = isoTime(now)
  const remedy = 'set the clock, with NTP if possible'
  if (now < EARLIEST_TIME) {
    const detail = `${time} is before ${isoTime(EARLIEST_TIME)}, which is past already`
    return { name: 'clock', status: 'fail', detail, remedy }
  }
  if (now < latestKnownTime - MAX_AHEAD_SECONDS) {
    // Either the clock is behind now, or it was ahead when that was signed.
    const detail = `${time} is before ${isoTime(latestKnownTime)}, when this node last signed something`
    return { name: 'clock', status: 'warn', detail, remedy }
  }
  return { name: 'clock', status: 'ok', detail: time }
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
