/** What this machine can and cannot keep a build from, in words. */
import { randomBytes } from 'node:crypto'
import { defaultBuildLimits } from './builder.ts'
import { Cgroup } from './cgroup.ts'
import type { SandboxFeature } from './sandbox-probe.ts'

/** Whether a recipe that nobody vouches for is kept from this machine's files and processes. */
export function isIsolated(features: ReadonlySet<SandboxFeature>): boolean {
  return features.has('view') && features.has('processes')
}

/** `base` is what the builder itself gives, such as `chroot`. */
export function describeIsolation(base: string, features: ReadonlySet<SandboxFeature>): string {
  if (features.has('view')) return `${base}, with own processes and a view of system programs only`
  if (features.has('processes')) return `${base}, with own processes`
  return base
}

/** What is missing, one line each; limits are tried. */
export async function missingIsolation(
  features: ReadonlySet<SandboxFeature>,
): Promise<readonly string[]> {
  return [...missingFeatures(features), ...(await missingLimits())]
}

function missingFeatures(features: ReadonlySet<SandboxFeature>): readonly string[] {
  return [
    'RUN steps use the network of this machine unless the recipe says network = "none"',
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

/** Makes a group and takes it away, to see which limits hold here. */
async function missingLimits(): Promise<readonly string[]> {
  const name = `probe-${randomBytes(6).toString('hex')}`
  const cgroup = await Cgroup.create(name, defaultBuildLimits)
  const enforced = cgroup?.enforced ?? []
  await cgroup?.remove()
  return (['memory', 'processes', 'cpus'] as const)
    .filter((limit) => !enforced.includes(limit))
    .map(
      (limit) => `the limit on ${limit} of a build is not enforced here: no control group for it`,
    )
}
