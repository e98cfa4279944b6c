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
import { ProjectError } from './project-error.ts'
import { matchesPattern, type RecipeTemplate, type TemplateValue } from './project.ts'
import { MAX_TIME, parseRecipe, type Recipe } from './recipe.ts'

/** What references refer to: annotations and labels of the published image, time of the commit. */
export interface TemplateContext {
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly commitTime: UnixSeconds
}

const MAX_RESOLVED_LENGTH = 256

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
    exporter: [template.exporter ?? {}, recipe.exporter ?? {}],
  }
  for (const [name, [permitted, actual]] of Object.entries(literals)) {
    if (shown(permitted) === shown(actual)) continue
    out.push(`${name} is ${shown(actual)}, the project file says ${shown(permitted)}`)
  }
  const epoch = recipe.sourceDateEpoch
  checkValue('sourceDateEpoch', template.sourceDateEpoch, epoch, out)
  const maps = { buildArgs: 'build argument', annotations: 'annotation' } as const
  for (const [name, word] of Object.entries(maps)) {
    const permitted = template[name as keyof typeof maps] ?? {}
    const actual = recipe[name as keyof typeof maps] ?? {}
    for (const key of new Set([...Object.keys(permitted), ...Object.keys(actual)])) {
      checkValue(`${word} ${shown(key)}`, own(permitted, key), own(actual, key), out)
    }
  }
  return out
}

/** The literal recipe that a template gives for one image and commit; throws ProjectError. */
export function resolveTemplate(template: RecipeTemplate, context: TemplateContext): Recipe {
  const { buildArgs, annotations, sourceDateEpoch, ...literals } = template
  return parseRecipe({
    ...literals,
    ...(buildArgs === undefined
      ? {}
      : { buildArgs: resolveMap('recipe.build_args', buildArgs, context) }),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch: resolveEpoch(template, context) }),
    ...(annotations === undefined
      ? {}
      : { annotations: resolveMap('recipe.annotations', annotations, context) }),
    // Readonly strings, numbers, arrays and maps of these: all of it is JSON.
  } as unknown as JsonValue)
}

function checkValue(
  name: string,
  permitted: TemplateValue | undefined,
  actual: string | number | undefined,
  out: string[],
): void {
  if (permitted === undefined) {
    if (actual !== undefined) out.push(`${name} is not in the project file`)
    return
  }
  if (actual === undefined) {
    out.push(`${name} is in the project file and not in the release`)
    return
  }
  if (typeof permitted === 'object') {
    if (!permits(permitted.pattern, String(actual))) {
      out.push(`${name} is ${shown(actual)}, which does not match ${permitted.pattern}`)
    }
    return
  }
  // `commit` stands for the commit's time, which only the announcer resolved: any time will do.
  if (name === 'sourceDateEpoch' && permitted === 'commit') return
  if (String(permitted) !== String(actual)) {
    out.push(`${name} is ${shown(actual)}, the project file says ${shown(permitted)}`)
  }
}

function resolveMap(
  key: string,
  values: Readonly<Record<string, TemplateValue>>,
  context: TemplateContext,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'object' ? resolve(`${key}.${name}`, value, context) : String(value),
    ]),
  )
}

function resolveEpoch(
  { sourceDateEpoch: value }: RecipeTemplate,
  context: TemplateContext,
): number | undefined {
  if (value === 'commit') return context.commitTime
  if (typeof value !== 'object') return value === undefined ? undefined : Number(value)
  const key = 'recipe.source_date_epoch'
  const text = resolve(key, value, context)
  const seconds = Number(text)
  if (!/^(?:0|[1-9][0-9]*)$/.test(text) || seconds > MAX_TIME) {
    throw new ProjectError('bad-value', key, `"${key}" resolves to ${shown(text)}, not to seconds`)
  }
  return seconds
}

function resolve(
  key: string,
  { from, pattern }: { readonly from: string; readonly pattern: string },
  context: TemplateContext,
): string {
  const colon = from.indexOf(':')
  const source = from.startsWith('annotation:') ? context.annotations : context.labels
  const value =
    from === 'commit-time' ? String(context.commitTime) : own(source, from.slice(colon + 1))
  if (value === undefined) {
    throw new ProjectError('unresolved', key, `"${key}" needs ${from}, which the image lacks`)
  }
  if (!permits(pattern, value)) {
    throw new ProjectError(
      'pattern-mismatch',
      key,
      `"${key}" is ${shown(value)} by ${from}, which does not match ${pattern}`,
    )
  }
  return value
}

/** Long values are refused unread: the pattern is the user's, the value a stranger's. */
function permits(pattern: string, value: string): boolean {
  return value.length <= MAX_RESOLVED_LENGTH && matchesPattern(pattern, value)
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** For one line of a message; equal values look equal. */
function shown(value: unknown): string {
  return value === undefined ? 'absent' : canonicalJson(value as JsonValue)
}
