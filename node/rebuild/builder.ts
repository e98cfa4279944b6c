/**
 * The port to whatever turns a recipe into an image.
 *
 * A builder starts from nothing, keeps nothing, and touches nothing but the job's work folder. A
 * build that fails is a value; only a broken invariant is thrown. Every builder runs the suite in
 * test/builders/builder-suite.ts.
 */
import { availableParallelism, totalmem } from 'node:os'
import type { Material } from '../../protocol/rebuild.ts'
import type { FailureClass, RebuildStage } from '../../protocol/rebuild.ts'
import type { BuilderName, BuilderPin, Recipe } from '../../protocol/recipe.ts'
import { BuildError, type BuildErrorCode } from './build-error.ts'
import type { FetchedFile } from './egress/http-relay.ts'
import type { EgressRoutes } from './egress/route.ts'

export interface BuildLimits {
  /** For the whole build, base images included. */
  readonly timeoutMs: number
  readonly memoryBytes: number
  readonly processes: number
  /** CPUs' worth of time; 0 for no limit. */
  readonly cpus: number
  /** What the work folder may come to hold. */
  readonly diskBytes: number
  /** What must stay free on its disk. */
  readonly minFreeBytes: number
  readonly logBytes: number
  /** What the steps may fetch, where the way out is the node's own. */
  readonly networkBytes: number
}

export const defaultBuildLimits: BuildLimits = Object.freeze({
  timeoutMs: 2 * 60 * 60 * 1000,
  memoryBytes: Math.floor(totalmem() * 0.75),
  processes: 4096,
  cpus: availableParallelism(),
  diskBytes: 20 * 1024 ** 3,
  minFreeBytes: 512 * 1024 ** 2,
  logBytes: 16 * 1024 ** 2,
  networkBytes: 20 * 1024 ** 3,
})

export interface BuildJob {
  /** The checked-out source; the builder sets the times of its files and changes nothing else. */
  readonly sourceDirectory: string
  /** Fresh and empty. The image is left in it; the caller removes it with removeWorkFolder. */
  readonly workDirectory: string
  readonly recipe: Recipe
  readonly platform: string
  readonly commit: string
  /** Is created, or emptied. Outside of the work folder, which goes away. */
  readonly logFile: string
  readonly limits: BuildLimits
  /** `host[:port]` of registries that speak plain http. Loopback registries need no entry. */
  readonly insecureRegistries: readonly string[]
  /** What the operator has put before archives, for what is fetched by plain HTTP. */
  readonly routes?: EgressRoutes
  /** The project's image, which the build may not read. */
  readonly image: string
  /** Digests of the published image, in no matter which repository: the build may not start from one. */
  readonly publishedDigests?: readonly string[]
}

export type BuildResult =
  | {
      readonly kind: 'built'
      /** `oci:DIR:tag`, inside of the work folder. */
      readonly image: string
      /** Base images and indexes of package archives, sorted by uri. */
      readonly materials: readonly Material[]
      readonly version: string
      /** True where RUN steps ran on another architecture than the host's. */
      readonly emulated: boolean
      /** What its steps fetched by plain HTTP, where the way out is the node's own. */
      readonly fetched?: readonly FetchedFile[]
      readonly logDigest: string
    }
  | {
      readonly kind: 'failed'
      readonly code: BuildErrorCode
      readonly stage: RebuildStage
      readonly class: FailureClass
      /** One line: what, where, what to do. */
      readonly message: string
      /** The end of the log, without control characters. */
      readonly logTail: string
      readonly logDigest: string
    }

export interface DetectedBuilder {
  readonly version: string
  /** What stands between a recipe and this machine, in words. */
  readonly isolation: string
  /** Whether a recipe that nobody vouches for is kept from this machine's files and processes. */
  readonly isolated: boolean
  /** What this machine cannot give, one line each. */
  readonly warnings: readonly string[]
  /** What of a build the node enforces, and what it does not; absent: it sees the client only. */
  readonly enforces?: readonly { readonly what: string; readonly holds: boolean }[]
  /** What it builds natively, where it is another machine; absent: this one's. */
  readonly platforms?: readonly string[]
  /** The image, pinned by digest, that it runs from. */
  readonly image?: string
  /** It runs whatever image a recipe pins (`any`), and nothing without one (`only`). */
  readonly images?: 'any' | 'only'
}

export interface Builder {
  readonly name: BuilderName
  /** Where it is, if not on this machine. */
  readonly place?: string | undefined
  /** What it was said to build natively, where it is another machine. */
  readonly platforms?: readonly string[] | undefined
  /** Builds at once that it takes; absent: as many as the node has to do. */
  readonly slots?: number | undefined
  /** Undefined where it is not installed or does not run here. */
  detect(signal: AbortSignal): Promise<DetectedBuilder | undefined>
  build(job: BuildJob, signal: AbortSignal): Promise<BuildResult>
  /**
   * Takes away what builds left outside of their work folders when this node was killed, and names it.
   * Before any build begins. Never throws.
   */
  sweep?(signal: AbortSignal): Promise<readonly string[]>
  /** The exact commands of `build`, one argv each; those for base images only where the source is there. */
  plan(job: BuildJob): readonly (readonly string[])[]
}

export interface AvailableBuilder {
  readonly builder: Builder
  readonly detected: DetectedBuilder
}

/** Those of the available builders that the recipe allows and that build the platform, in order. */
export function allowedBuilders(
  allowed: readonly BuilderPin[],
  available: readonly AvailableBuilder[],
  platform?: string,
): readonly AvailableBuilder[] {
  return available.filter(
    ({ builder, detected }) =>
      allowed.some((pin) => pin.name === builder.name && satisfiesPin(detected, pin)) &&
      (platform === undefined || detected.platforms?.includes(platform) !== false),
  )
}

/** Throws BuildError where what runs is not what the recipe allows. */
export function checkPin(allowed: readonly BuilderPin[], name: BuilderName, version: string): void {
  const pins = allowed.filter((pin) => pin.name === name)
  if (pins.length === 0 || pins.some((pin) => satisfiesVersion(version, pin.version))) return
  throw new BuildError(
    'builder-differs',
    `${name} ${version} runs, and the recipe allows ${pins.map((pin) => pin.version).join(', ')}`,
  )
}

function satisfiesPin({ version, image, images }: DetectedBuilder, pin: BuilderPin): boolean {
  // Its version is that of what is in the image, and is asked once it runs.
  if (images === 'only' || (images === 'any' && pin.image !== undefined)) return true
  if (!satisfiesVersion(version, pin.version)) return false
  return pin.image === undefined || digestOf(pin.image) === digestOf(image ?? '')
}

function digestOf(image: string): string {
  return image.slice(image.indexOf('@') + 1)
}

/** `1.28` is satisfied by 1.28 and 1.28.2, not by 1.280. */
function satisfiesVersion(version: string, pin: string | undefined): boolean {
  return pin === undefined || version === pin || version.startsWith(`${pin}.`)
}
