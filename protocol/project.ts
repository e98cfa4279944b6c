/**
 * A project as this user follows it: where it comes from, how it is rebuilt, and who may announce
 * it. node/rebuild/README.md.
 *
 * The file is what lets someone's code run here and someone's word count, so its schema is closed
 * and every error names the key. Keys in the file are written with underscores.
 */
import { z } from 'zod'
import { issueWords } from './issue-words.ts'
import type { ImageName, OperatorId, Platform } from './identifiers.ts'
import { isOperatorId } from './identifiers.ts'
import { isImageName } from './image-name.ts'
import { parseProfile } from './normalize/profile.ts'
import { isPlatform } from './platform.ts'
import { ProjectError, type ProjectErrorCode } from './project-error.ts'
import {
  BUILDER_NAMES,
  isAnnotationKey,
  isBuildArgName,
  isBuilderVersion,
  isContextPath,
  isEgressHost,
  isExporterOption,
  isPinnedImage,
  isSourcePath,
  isTargetName,
  MAX_TIME,
  type BuilderPin,
} from './recipe.ts'
import { isSourceUrl } from './source-url.ts'
import { isValuePattern, MAX_PATTERN_LENGTH } from './value-pattern.ts'
import { watchTable, type WatchRules } from './watch-rules.ts'

const PROJECT_FORMAT = 1

/**
 * A reference that the announcer resolves. `from` is `annotation:KEY` or `label:KEY` of the
 * published image, or `commit-time` (seconds since 1970); `pattern` is a regular expression that
 * the whole value must match.
 */
export interface Reference {
  readonly from: string
  readonly pattern: string
  /** The value is a date (`20260610`), and what is meant is the midnight in UTC that begins it. */
  readonly as?: 'date'
}

/** A recipe value: a literal, or a reference. */
export type TemplateValue = string | number | Reference

/** The recipe of a project file; a release carries the resolved literals. */
export interface RecipeTemplate {
  readonly builders: readonly BuilderPin[]
  readonly dockerfile: string
  readonly context: string
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, TemplateValue>>
  /** A number, or `commit` for the commit's time, or a reference. */
  readonly sourceDateEpoch?: TemplateValue
  readonly annotations?: Readonly<Record<string, TemplateValue>>
  readonly network?: 'none' | 'default'
  readonly egress?: readonly string[]
  readonly exporter?: Readonly<Record<string, string>>
}

export interface Project {
  readonly image: ImageName
  /** Sorted, each once. */
  readonly platforms: readonly Platform[]
  /** `git+https://…`: the only source that is believed. */
  readonly source: string
  /** Operators whose releases count. */
  readonly announcers: readonly OperatorId[]
  readonly recipe: RecipeTemplate
  /** Profile id. */
  readonly profile: string
  /** Hosts (`host[:port]`) that may be plain http or private addresses. */
  readonly insecure: readonly string[]
  /** How many volunteers are to build each input first; all of them where absent. */
  readonly replicas?: number
  /** Which new tags become releases by themselves, where an announcer wants that. */
  readonly watch?: WatchRules
}

/** A string that `is` admits; `what` completes "must be …". */
function spelled(is: (text: string) => boolean, what: string, maxLength = 2048) {
  return z.string().refine((text) => text.length <= maxLength && is(text), `must be ${what}`)
}

function unique<T>(schema: z.ZodType<T>, key: (item: T) => string, what: string, least = 1) {
  return z
    .array(schema)
    .min(least, `must name at least one ${what}`)
    .refine((items) => new Set(items.map(key)).size === items.length, `must name each ${what} once`)
    .transform((items) => items.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)))
}

const text = (each: string): string => each

const reference = z.strictObject({
  from: spelled(
    (from) => /^(?:commit-time|(?:annotation|label):[!-~]{1,256})$/.test(from),
    '"annotation:KEY", "label:KEY" or "commit-time"',
  ),
  pattern: spelled(
    isValuePattern,
    'a regular expression in the syntax of RE2, with at most 256 repetitions',
    MAX_PATTERN_LENGTH,
  ),
})
const time = reference.extend({ as: z.literal('date').exactOptional() })
const templateValue = z.union([z.string().max(2048), z.int().min(0).max(MAX_TIME), reference])

/** A table of at least one entry; an empty one counts as absent. */
function table<T>(value: z.ZodType<T>, isKey: (key: string) => boolean, what: string) {
  const entries = z
    .record(spelled(isKey, what), value)
    .refine((entries) => Object.keys(entries).length <= 64, 'must have at most 64 entries')
    .transform((entries) => (Object.keys(entries).length === 0 ? undefined : entries))
  return z.preprocess((given, context) => {
    // Zod leaves this key out of a record and says nothing: what a file says must not vanish.
    if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__')) {
      const message = `cannot be ${what} in a project file`
      context.addIssue({ code: 'custom', path: ['__proto__'], message })
    }
    return given
  }, entries.optional())
}

const builder = z.strictObject({
  name: z.enum(BUILDER_NAMES),
  version: spelled(isBuilderVersion, 'a version or the beginning of one', 64).exactOptional(),
  image: spelled(isPinnedImage, 'an image pinned by digest (name@sha256:…)', 400).exactOptional(),
})

const recipe = z
  .strictObject({
    builders: unique(builder, ({ name }) => name, 'builder'),
    dockerfile: spelled(isSourcePath, 'a relative path without ".."', 512).default('Dockerfile'),
    context: spelled(isContextPath, '"." or a relative path without ".."', 512).default('.'),
    target: spelled(isTargetName, 'the name of a build stage', 128).optional(),
    build_args: table(templateValue, isBuildArgName, 'the name of a build argument'),
    source_date_epoch: z
      .union([z.int().min(0).max(MAX_TIME), z.literal('commit'), time])
      .optional(),
    annotations: table(templateValue, isAnnotationKey, 'an annotation key'),
    network: z.enum(['none', 'default']).optional(),
    egress: unique(
      spelled(isEgressHost, 'a host or host:port, in lower case', 259),
      text,
      'host (network = "none" allows none)',
    ).optional(),
    exporter: table(z.string().max(2048), isExporterOption, 'the name of an exporter option'),
  })
  .refine(({ network, egress }) => network !== 'none' || egress === undefined, {
    path: ['egress'],
    message: 'names hosts, and network is "none"',
  })

const project = z.strictObject({
  format: z.literal(PROJECT_FORMAT),
  image: spelled(isImageName, 'an image name (host/path, no tag)'),
  platforms: unique(spelled(isPlatform, 'a platform such as linux/amd64'), text, 'platform'),
  source: spelled(isSourceUrl, 'an address such as git+https://host/path'),
  announcers: unique(spelled(isOperatorId, 'an operator id ("op1…")'), text, 'announcer', 0),
  recipe,
  profile: spelled(isKnownProfile, 'a profile that this rebuildnet has').default('rebuildnet/1'),
  insecure: z
    .array(spelled((host) => /^[a-z0-9.[\]:-]{1,255}$/.test(host), 'a host or host:port'))
    .default([]),
  replicas: z.int().min(1).max(1000).exactOptional(),
  watch: watchTable.exactOptional(),
})

/**
 * Reads a parsed project file. A template names no announcers yet, since nobody else can know whom
 * its reader believes; whoever follows it has put them in. Throws ProjectError.
 */
export function parseProject(value: unknown, { template = false } = {}): Project {
  const { format } = (value ?? {}) as { format?: unknown }
  if (typeof format === 'number' && format > PROJECT_FORMAT) {
    throw new ProjectError(
      'newer-format',
      ['format'],
      `the file is of format ${format}, this rebuildnet reads ${PROJECT_FORMAT}: update rebuildnet`,
    )
  }
  const parsed = project.safeParse(value, { reportInput: true })
  if (!parsed.success) throw firstIssue(parsed.error.issues)
  const { format: _format, recipe: raw, ...rest } = parsed.data
  if (rest.announcers.length === 0 && !template) {
    throw new ProjectError(
      'bad-value',
      ['announcers'],
      '"announcers" is empty: put in the operator id ("op1…") of whoever announces its releases',
    )
  }
  const { build_args: buildArgs, source_date_epoch: sourceDateEpoch, ...fields } = raw
  return { ...rest, recipe: present({ ...fields, buildArgs, sourceDateEpoch }) }
}

function isKnownProfile(id: string): boolean {
  try {
    return parseProfile(id).id === id
  } catch {
    return false
  }
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without the members that are undefined. */
function present<T extends object>(values: T): Present<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Present<T>
}

/** The first issue, but an unknown key before all: it may be why another one is missing. */
function firstIssue(issues: readonly z.core.$ZodIssue[]): ProjectError {
  const issue = issues.find((each) => each.code === 'unrecognized_keys') ?? issues[0]
  if (issue === undefined) throw new Error('an error without an issue')
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  const at = (key: string): string => (key === '' ? 'the file' : `"${key}"`)
  const fault = (code: ProjectErrorCode, what: string, of = path): ProjectError =>
    new ProjectError(code, of, `${at(of.join('.'))} ${what}`)
  if (issue.code === 'unrecognized_keys') {
    const what = 'is not a key of a project file: check its spelling, or remove it'
    return fault('unknown-key', what, [...path, issue.keys[0] ?? ''])
  }
  if (issue.code === 'invalid_key') {
    return fault('bad-value', issue.issues[0]?.message ?? 'is no such key')
  }
  if (issue.input === undefined) return fault('missing-key', 'is missing')
  if (issue.code === 'invalid_union') {
    // The member that got past the type of the value itself is the one that was meant.
    const reasons = issue.errors.flatMap((each) => each.slice(0, 1))
    const reason =
      reasons.find((each) => each.path.length > 0) ??
      reasons.find((each) => each.code !== 'invalid_type')
    if (reason !== undefined) {
      return firstIssue([{ ...reason, path: [...issue.path, ...reason.path] }])
    }
    return fault('wrong-type', 'is of the wrong type')
  }
  const code = issue.code === 'invalid_type' ? 'wrong-type' : 'bad-value'
  return fault(code, issueWords(issue))
}
