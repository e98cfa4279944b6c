/**
 * A project and its Dockerfile, read for what would make two honest rebuilds differ.
 *
 * References of the recipe stand for what nobody has announced yet: a text that their pattern
 * permits takes their place, so that the Dockerfile can be read as a builder would.
 */
import { parseArchiveDate } from '../../../protocol/archive-date.ts'
import type { Project, RecipeTemplate, TemplateValue } from '../../../protocol/project.ts'
import type { Recipe } from '../../../protocol/recipe.ts'
import { matchesPattern } from '../../../protocol/value-pattern.ts'
import { makeFinding, type Finding, type Report } from './finding.ts'
import { lintDockerfile } from './lint-dockerfile.ts'
import type { ReadSource } from './package-rules.ts'

export interface ProjectToLint {
  readonly project: Project
  /** What the user calls the project file. */
  readonly file: string
  /** Line of a key of it. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined
  /** Undefined where the source is not there: then only the project file is read. */
  readonly dockerfile: string | undefined
  readonly readSource: ReadSource
}

/** Findings by file and line. Throws BuildError where no builder would take the recipe. */
export function lintProject(input: ProjectToLint): readonly Finding[] {
  const { project, file, dockerfile } = input
  const findings = new Map<string, Finding>()
  const into = (name: string): Report => {
    return (line, code, subject) => {
      const finding = makeFinding(name, line, code, subject)
      findings.set(JSON.stringify([finding.file, finding.line, code, finding.message]), finding)
    }
  }
  lintRecipe(input, into(file))
  if (dockerfile !== undefined) {
    lintDockerfile(
      {
        text: dockerfile,
        recipe: exampleRecipe(project.recipe),
        platforms: project.platforms,
        image: project.image,
        readSource: input.readSource,
      },
      into(project.recipe.dockerfile),
    )
  }
  const order = [file, project.recipe.dockerfile]
  return [...findings.values()].sort(
    (a, b) => order.indexOf(a.file) - order.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0),
  )
}

/** Builders that keep the times of files unless they are told to rewrite them. */
const KEEPS_TIMES = ['buildkit', 'docker']

function lintRecipe({ project, lineOf }: ProjectToLint, report: Report): void {
  const { recipe, announcers } = project
  if (announcers.length === 0) report(lineOf(['announcers']), 'announcers-missing', '')
  if (recipe.sourceDateEpoch === undefined) report(lineOf(['recipe']), 'epoch-missing', '')
  for (const { name, version, image } of recipe.builders) {
    // Builders are sorted when they are read: the file may have them in another order.
    const line = lineOf(['recipe', 'builders'])
    if (version === undefined && image === undefined) report(line, 'builder-unpinned', name)
    if (KEEPS_TIMES.includes(name) && recipe.exporter?.['rewrite-timestamp'] !== 'true') {
      report(lineOf(['recipe', 'exporter']) ?? line, 'timestamps-kept', name)
    }
  }
  const values: readonly (readonly [readonly string[], TemplateValue | undefined])[] = [
    [['source_date_epoch'], recipe.sourceDateEpoch],
    ...Object.entries(recipe.buildArgs ?? {}).map(
      ([name, value]) => [['build_args', name], value] as const,
    ),
    ...Object.entries(recipe.annotations ?? {}).map(
      ([name, value]) => [['annotations', name], value] as const,
    ),
  ]
  for (const [path, value] of values) {
    if (
      typeof value !== 'object' ||
      !ANY_TEXT.every((text) => matchesPattern(value.pattern, text))
    ) {
      continue
    }
    report(lineOf(['recipe', ...path]), 'pattern-loose', path.at(-1) ?? '')
  }
}

/** No pattern that means something matches all of these. */
const ANY_TEXT = ['evil.example/image:latest', '20260101', 'a b; c']

/** What references are likely to stand for. */
const EXAMPLES = [
  '20260101',
  '2026-01-01',
  `sha256:${'0'.repeat(64)}`,
  '0'.repeat(64),
  '0'.repeat(40),
  '1767225600',
  '1.0.0',
  'v1.0.0',
  '1',
  'a',
]

function exampleRecipe(template: RecipeTemplate): Recipe {
  const { buildArgs, annotations, sourceDateEpoch, ...literals } = template
  const map = (values: Readonly<Record<string, TemplateValue>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, example(value)]))
  return {
    ...literals,
    ...(buildArgs === undefined ? {} : { buildArgs: map(buildArgs) }),
    ...(annotations === undefined ? {} : { annotations: map(annotations) }),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch: exampleEpoch(sourceDateEpoch) }),
  }
}

function example(value: TemplateValue): string {
  if (typeof value !== 'object') return String(value)
  return EXAMPLES.find((text) => matchesPattern(value.pattern, text)) ?? 'unknown'
}

function exampleEpoch(value: TemplateValue): number {
  if (typeof value === 'number') return value
  return parseArchiveDate(example(value)) ?? 0
}
