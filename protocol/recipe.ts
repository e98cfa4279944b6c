/**
 * How an image is rebuilt. The schema is closed: an unknown field is an error, since a node that
 * ignored it would build something else under the same input digest. node/rebuild/README.md.
 */
import { compareText, Field } from './field.ts'
import type { JsonObject, JsonValue } from './json.ts'

const MAX_RECIPE_BYTES = 8 * 1024

export const BUILDER_NAMES = ['buildah', 'buildkit', 'command', 'docker', 'podman'] as const
export type BuilderName = (typeof BUILDER_NAMES)[number]

/** One builder that the recipe allows. */
export interface BuilderPin {
  readonly name: BuilderName
  /** Version or version prefix that must run, such as `1.28`; any where absent. */
  readonly version?: string
  /** Image of the builder, pinned by digest (`moby/buildkit@sha256:…`). */
  readonly image?: string
}

/**
 * A recipe as a release carries it: literals only. Absent fields are absent, never null, and a
 * map without entries is absent. Keys are ASCII, values UTF-8.
 */
export interface Recipe {
  /** At least one, sorted by name, each name once. */
  readonly builders: readonly BuilderPin[]
  /** Path of the Dockerfile in the source, relative, without `..`. */
  readonly dockerfile: string
  /** Path of the build context in the source, relative, `.` for the whole. */
  readonly context: string
  /** Stage to build; the last one where absent. */
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number
  /** Annotations that the build puts on the manifest. */
  readonly annotations?: Readonly<Record<string, string>>
  /** What RUN steps may reach; `none` where absent is NOT implied: absent means `default`. */
  readonly network?: 'none' | 'default'
  /**
   * Hosts that RUN steps may reach, each `host` (ports 80 and 443) or `host:port`, sorted, each
   * once; absent: any. Not with `network` `none`.
   */
  readonly egress?: readonly string[]
  /** Options of the builder's exporter, such as `rewrite-timestamp`. */
  readonly exporter?: Readonly<Record<string, string>>
}

const RECIPE_FIELDS = [
  'builders',
  'dockerfile',
  'context',
  'target',
  'buildArgs',
  'sourceDateEpoch',
  'annotations',
  'network',
  'egress',
  'exporter',
] as const satisfies readonly (keyof Recipe)[]

/** The last second of the year 9999. */
export const MAX_TIME = 253_402_300_799

const MAX_ENTRIES = 64
const MAX_VALUE_BYTES = 2048

/** Votes on recipes with several builders meet at the `rootfs` level. */
export function allowsSeveralBuilders(recipe: Recipe): boolean {
  return recipe.builders.length > 1
}

/** Reads a literal recipe; throws StatementError. */
export function parseRecipe(value: JsonValue | Field): Recipe {
  const field = value instanceof Field ? value : new Field(value, 'recipe')
  field.only(RECIPE_FIELDS).within(MAX_RECIPE_BYTES)
  const builders = field
    .at('builders')
    .sortedList(16, parseBuilder, (a, b) => compareText(a.name, b.name))
  if (builders.length === 0) field.at('builders').fail('not-canonical', 'names no builder')
  const target = field.optional('target', (each) =>
    each.spelled(isTargetName, 'the name of a build stage', 128),
  )
  const buildArgs = field.optional('buildArgs', (each) =>
    each.stringMap(MAX_ENTRIES, isBuildArgName, MAX_VALUE_BYTES),
  )
  const sourceDateEpoch = field.optional('sourceDateEpoch', (each) => each.integer(0, MAX_TIME))
  const annotations = field.optional('annotations', (each) =>
    each.stringMap(MAX_ENTRIES, isAnnotationKey, MAX_VALUE_BYTES),
  )
  const network = field.optional('network', (each) => each.oneOf(['none', 'default']))
  const egress = field.optional('egress', (each) =>
    each.sortedList(MAX_ENTRIES, parseEgressHost, compareText),
  )
  if (egress?.length === 0 || (egress !== undefined && network === 'none')) {
    field.at('egress').fail('not-canonical', 'names no host: network "none" says that')
  }
  const exporter = field.optional('exporter', (each) =>
    each.stringMap(MAX_ENTRIES, isExporterOption, MAX_VALUE_BYTES),
  )
  return {
    builders,
    dockerfile: field.at('dockerfile').spelled(isSourcePath, 'a relative path without ".."'),
    context: field.at('context').spelled(isContextPath, '"." or a relative path without ".."'),
    ...(target === undefined ? {} : { target }),
    ...(buildArgs === undefined ? {} : { buildArgs }),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(network === undefined ? {} : { network }),
    ...(egress === undefined ? {} : { egress }),
    ...(exporter === undefined ? {} : { exporter }),
  }
}

/** The JSON of a recipe: its own fields, nothing added. */
export function encodeRecipe(recipe: Recipe): JsonObject {
  // Only readonly strings, numbers, arrays and maps of these: all of it is JSON.
  return recipe as unknown as JsonObject
}

function parseBuilder(field: Field): BuilderPin {
  field.only(['name', 'version', 'image'])
  const version = field.optional('version', (each) =>
    each.spelled(isBuilderVersion, 'a version or the beginning of one', 64),
  )
  const image = field.optional('image', (each) =>
    each.spelled(isPinnedImage, 'an image pinned by digest (name@sha256:…)', 400),
  )
  return {
    name: field.at('name').oneOf(BUILDER_NAMES),
    ...(version === undefined ? {} : { version }),
    ...(image === undefined ? {} : { image }),
  }
}

function parseEgressHost(field: Field): string {
  return field.spelled(isEgressHost, 'a host or host:port, in lower case', 259)
}

/** `host` or `host:port`: a name or an IPv4 address in lower case; no port that `host` implies. */
export function isEgressHost(text: string): boolean {
  const [, host = '', port] = /^([a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? []
  const labels = host.split('.')
  return (
    labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) &&
    Number(port ?? 1) <= 65_535
  )
}

/** A path within the source: relative, `/` between names, none of them empty, `.` or `..`. */
export function isSourcePath(text: string): boolean {
  if (/[\p{Cc}\\]/u.test(text)) return false
  return text.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

export function isContextPath(text: string): boolean {
  return text === '.' || isSourcePath(text)
}

export function isBuildArgName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text)
}

export function isAnnotationKey(text: string): boolean {
  return /^[!-~]{1,256}$/.test(text)
}

export function isExporterOption(text: string): boolean {
  return /^[a-z][a-z0-9._-]{0,63}$/.test(text)
}

export function isTargetName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)
}

export function isBuilderVersion(text: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z.+~:_-]*$/.test(text)
}

export function isPinnedImage(text: string): boolean {
  return /^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$/.test(text)
}
