/** What this machine can and cannot keep a build from, in words. */
import { randomBytes } from 'node:crypto'
import { defaultBuildLimits } from './builder.ts'
import { Cgroup } from './cgroup.ts'
import type { SandboxFeature } from './sandbox-probe.ts'

/** Whether a recipe that nobody vouches for is kept from this machine's files and processes. */
export function isIsolated(features: ReadonlySet<SandboxFeature>): boolean {
  return features.has('view') && features.has('processes')
}

/** What a builder can make use of, where the machine gives it. */
export interface BuilderIsolation {
  /** It gives the same bits as root of a user namespace. */
  readonly ownUsers: boolean
  /** Its steps run in the network of their own that the node makes. */
  readonly ownNetwork: boolean
  /** Why it does not give the same bits, or what to do about it. */
  readonly withoutUsers?: string
}

/** Something that a builder may or may not be held to on this machine. */
export interface Enforcement {
  readonly what: string
  readonly holds: boolean
}

/** What of a build is enforced here, and what is not; limits are tried. */
export async function listEnforcement(
  features: ReadonlySet<SandboxFeature>,
  { ownUsers = false, ownNetwork = false }: Partial<BuilderIsolation> = {},
): Promise<readonly Enforcement[]> {
  const limits = await enforcedLimits()
  const rows: readonly (readonly [string, boolean])[] = [
    ['nothing outlives a build', features.has('processes')],
    ['no files of this machine', features.has('view')],
    ['root of a build is nobody here', features.has('users') && ownUsers],
    ['no network', features.has('network')],
    ['egress', features.has('egress') && ownNetwork],
    ...LIMITS.map((limit) => [limit, limits.includes(limit)] as const),
    ['disk', true],
    ['time', true],
  ]
  return rows.map(([what, holds]) => ({ what, holds }))
}

/** `base` is what the builder itself gives, such as `chroot`. */
export function describeIsolation(
  base: string,
  features: ReadonlySet<SandboxFeature>,
  { ownUsers, ownNetwork }: Partial<BuilderIsolation> = {},
): string {
  const given = [
    ...(features.has('processes') ? ['own processes'] : []),
    ...(features.has('users') && ownUsers === true ? ['own users'] : []),
    ...(features.has('egress') && ownNetwork === true ? ['an own network'] : []),
    ...(features.has('view') ? ['a view of system programs only'] : []),
  ]
  const last = given.at(-1)
  if (last === undefined) return base
  const words = given.length === 1 ? last : `${given.slice(0, -1).join(', ')} and ${last}`
  return `${base}, with ${words}`
}

const OTHER_BITS = 'this builder gives other bits in a user namespace'

/** What is missing, one line each; limits are tried. */
export async function missingIsolation(
  features: ReadonlySet<SandboxFeature>,
  {
    ownUsers = false,
    ownNetwork = false,
    withoutUsers = OTHER_BITS,
  }: Partial<BuilderIsolation> = {},
): Promise<readonly string[]> {
  return [
    ...missingFeatures(features),
    ...missingOwn(features, { ownUsers, ownNetwork, withoutUsers }),
    ...(await missingLimits()),
  ]
}

function missingOwn(
  features: ReadonlySet<SandboxFeature>,
  { ownUsers, ownNetwork, withoutUsers }: Required<BuilderIsolation>,
): readonly string[] {
  return [
    ...(ownNetwork && features.has('egress')
      ? []
      : [
          'RUN steps use the network of this machine, its loopback too, unless the recipe says network = "none"; recipes with egress are not built',
        ]),
    ...(ownUsers && features.has('users')
      ? []
      : [
          ownUsers
            ? 'no user namespace: root of a build is root of this machine, in its own view and without most of its powers'
            : `root of a build is root of this machine, in its own view and without most of its powers: ${withoutUsers}`,
        ]),
  ]
}

function missingFeatures(features: ReadonlySet<SandboxFeature>): readonly string[] {
  return [
    ...(features.has('processes')
      ? []
      : ['no process namespace: run as root, or a step may outlive its build']),
    ...(features.has('view')
      ? []
      : [
          "no mount namespace: a step may see this machine's files and devices; follow trusted recipes only",
        ]),
    ...(features.has('network')
      ? []
      : ['no network namespace: recipes with network = "none" are not built']),
  ]
}

const LIMITS = ['memory', 'processes', 'cpus'] as const

/** Makes a group and takes it away, to see which limits hold here. */
async function enforcedLimits(): Promise<readonly string[]> {
  const name = `probe-${randomBytes(6).toString('hex')}`
  const cgroup = await Cgroup.create(name, defaultBuildLimits)
  const enforced = cgroup?.enforced ?? []
  await cgroup?.remove()
  return enforced
}

async function missingLimits(): Promise<readonly string[]> {
  const enforced = await enforcedLimits()
  return LIMITS.filter((limit) => !enforced.includes(limit)).map(
    (limit) => `the limit on ${limit} of a build is not enforced here: no control group for it`,
  )
}
