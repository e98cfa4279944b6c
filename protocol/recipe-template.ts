/**
 * Between the recipe of a project file, whose values may refer to the published image, and the
 * literal recipe of a release.
 *
 * An announcer resolves the references before it signs; a node that is to build checks that the
 * literals are ones that its own project file permits. Otherwise whoever tampers with the image
 * would steer its rebuild through the label that feeds a build argument. protocol/README.md.
 */
import { canonicalJson } from './canonical-json.ts'
import type { UnixSeconds } from './identifiers.ts'
import type { JsonValue } from './json.ts'
import { archiveDates, parseArchiveDate } from './archive-date.ts'
import { ProjectError } from './project-error.ts'
import type { RecipeTemplate, Reference, TemplateValue } from './project.ts'
import { MAX_TIME, parseRecipe, type Recipe } from './recipe.ts'
import { matchesPattern } from './value-pattern.ts'

/** What references refer to: annotations and labels of the published image, time of the commit. */
export interface TemplateContext {
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly commitTime: UnixSeconds
}

/**
 * Why `recipe` is not one that the project file permits, a sentence each; none where it is.
 * Literals must be equal; a value that stands for a reference must match its pattern.
 */
export function matchesTemplate(
  project: { readonly recipe: RecipeTemplate },
  recipe: Recipe,
): string[] {
  const template = project.recipe
  const out: string[] = []
  const literals = {
    builders: [template.builders, recipe.builders],
    dockerfile: [template.dockerfile, recipe.dockerfile],
    context: [template.context, recipe.context],
    target: [template.target, recipe.target],
    network: [template.network ?? 'default', recipe.network ?? 'default'],
    egress: [template.egress, recipe.egress],
    exporter: [template.exporter ?? {}, recipe.exporter ?? {}],
  }
  for (const [name, [permitted, actual]] of Object.entries(literals)) {
    if (shown(permitted) === shown(actual)) continue
    out.push(`${name} is ${shown(actual)}, the project file says ${shown(permitted)}`)
  }
  const values = templateValues(template, recipe)
  for (const each of values) out.push(...valueFaults(each))
  return [...out, ...disagreements(values)]
}

/** The values of a recipe that stand for the time of its commit, which each node knows by itself. */
export function commitTimesOf(template: RecipeTemplate, recipe: Recipe): readonly string[] {
  return templateValues(template, recipe).flatMap(({ permitted, actual }) =>
    sourceOf(permitted) === COMMIT_TIME && actual !== undefined ? [actual] : [],
  )
}

/** The literal recipe that a template gives for one image and commit; throws ProjectError. */
export function resolveTemplate(template: RecipeTemplate, context: TemplateContext): Recipe {
  const { buildArgs, annotations, sourceDateEpoch, ...literals } = template
  return parseRecipe({
    ...literals,
    ...(buildArgs === undefined
      ? {}
      : { buildArgs: resolveMap(['recipe', 'build_args'], buildArgs, context) }),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch: resolveEpoch(template, context) }),
    ...(annotations === undefined
      ? {}
      : { annotations: resolveMap(['recipe', 'annotations'], annotations, context) }),
    // Readonly strings, numbers, arrays and maps of these: all of it is JSON.
  } as unknown as JsonValue)
}

interface CheckedValue {
  readonly name: string
  readonly permitted: TemplateValue | undefined
  readonly actual: string | undefined
  /** Whether `commit` and dates may stand for it. */
  readonly isTime: boolean
}

function templateValues(template: RecipeTemplate, recipe: Recipe): readonly CheckedValue[] {
  const epoch = recipe.sourceDateEpoch
  const values: CheckedValue[] = [
    {
      name: 'sourceDateEpoch',
      permitted: template.sourceDateEpoch,
      actual: epoch === undefined ? undefined : String(epoch),
      isTime: true,
    },
  ]
  const maps = { buildArgs: 'build argument', annotations: 'annotation' } as const
  for (const [name, word] of Object.entries(maps)) {
    const permitted = template[name as keyof typeof maps] ?? {}
    const actual = recipe[name as keyof typeof maps] ?? {}
    for (const key of new Set([...Object.keys(permitted), ...Object.keys(actual)])) {
      const value = { permitted: own(permitted, key), actual: own(actual, key) }
      values.push({ name: `${word} ${shown(key)}`, ...value, isTime: false })
    }
  }
  return values
}

function valueFaults({ name, permitted, actual, isTime }: CheckedValue): string[] {
  if (permitted === undefined) {
    return actual === undefined ? [] : [`${name} is not in the project file`]
  }
  if (actual === undefined) return [`${name} is in the project file and not in the release`]
  if (typeof permitted === 'object') {
    return spellings(permitted, actual).length > 0
      ? []
      : [`${name} is ${shown(actual)}, which does not match ${permitted.pattern}`]
  }
  // Any time will do here: whoever builds compares it with the commit.
  if (isTime && permitted === 'commit') return []
  return String(permitted) === actual
    ? []
    : [`${name} is ${shown(actual)}, the project file says ${shown(permitted)}`]
}

/** Values that stand for one and the same text must stand for the same one. */
function disagreements(values: readonly CheckedValue[]): string[] {
  const agreed = new Map<string, { readonly name: string; readonly texts: readonly string[] }>()
  return values.flatMap(({ name, permitted, actual }) => {
    const from = sourceOf(permitted)
    if (from === undefined || actual === undefined) return []
    const texts = typeof permitted === 'object' ? spellings(permitted, actual) : [actual]
    const before = agreed.get(from)
    const common =
      before === undefined ? texts : before.texts.filter((text) => texts.includes(text))
    // What matches no pattern at all has been said already.
    if (texts.length === 0) return []
    if (before !== undefined && common.length === 0) {
      return [`${before.name} and ${name} both stand for ${from}, and are not of one value`]
    }
    agreed.set(from, { name: before?.name ?? name, texts: common })
    return []
  })
}

const COMMIT_TIME = 'commit-time'

function sourceOf(permitted: TemplateValue | undefined): string | undefined {
  if (permitted === 'commit') return COMMIT_TIME
  return typeof permitted === 'object' ? permitted.from : undefined
}

/** The texts, of those that the pattern permits, from which a reference resolves to `actual`. */
function spellings({ as, pattern }: Reference, actual: string): readonly string[] {
  const texts = as === 'date' ? archiveDates(Number(actual)) : [actual]
  return texts.filter((text) => matchesPattern(pattern, text))
}

function resolveMap(
  key: readonly string[],
  values: Readonly<Record<string, TemplateValue>>,
  context: TemplateContext,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'object' ? resolve([...key, name], value, context) : String(value),
    ]),
  )
}

function resolveEpoch(
  { sourceDateEpoch: value }: RecipeTemplate,
  context: TemplateContext,
): number | undefined {
  if (value === 'commit') return context.commitTime
  if (typeof value !== 'object') return value === undefined ? undefined : Number(value)
  const key = ['recipe', 'source_date_epoch']
  const text = resolve(key, value, context)
  const seconds = value.as === 'date' ? parseArchiveDate(text) : parseSeconds(text)
  if (seconds !== undefined) return seconds
  const what = value.as === 'date' ? 'a date such as 20260610' : 'seconds since 1970'
  throw new ProjectError(
    'bad-value',
    key,
    `"${key.join('.')}" resolves to ${shown(text)}, not to ${what}`,
  )
}

function parseSeconds(text: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,11})$/.test(text) && Number(text) <= MAX_TIME
    ? Number(text)
    : undefined
}

function resolve(
  key: readonly string[],
  { from, pattern }: Reference,
  context: TemplateContext,
): string {
  const colon = from.indexOf(':')
  const source = from.startsWith('annotation:') ? context.annotations : context.labels
  const value =
    from === COMMIT_TIME ? String(context.commitTime) : own(source, from.slice(colon + 1))
  const name = `"${key.join('.')}"`
  if (value === undefined) {
    throw new ProjectError('unresolved', key, `${name} needs ${from}, which the image lacks`)
  }
  if (!matchesPattern(pattern, value)) {
    const shownValue = shown(value.length > 80 ? `${value.slice(0, 80)}…` : value)
    throw new ProjectError(
      'pattern-mismatch',
      key,
      `${name} is ${shownValue} by ${from}, which does not match ${pattern}`,
    )
  }
  return value
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** For one line of a message; equal values look equal. */
function shown(value: unknown): string {
  return value === undefined ? 'absent' : canonicalJson(value as JsonValue)
}
