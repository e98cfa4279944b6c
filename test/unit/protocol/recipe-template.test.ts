import { describe, expect, it } from 'vitest'
import { ProjectError } from '../../../protocol/project-error.ts'
import type { RecipeTemplate } from '../../../protocol/project.ts'
import {
  commitTimesOf,
  matchesTemplate,
  resolveTemplate,
} from '../../../protocol/recipe-template.ts'
import type { Recipe } from '../../../protocol/recipe.ts'
import { StatementError } from '../../../protocol/statement-error.ts'
import { TEST_TIME } from '../../support/statements.ts'

const template: RecipeTemplate = {
  builders: [{ name: 'buildah', version: '1.28' }],
  dockerfile: 'Dockerfile',
  context: '.',
  sourceDateEpoch: 'commit',
  buildArgs: {
    GREETING: 'hello',
    JOBS: 2,
    DATE: { from: 'annotation:date', pattern: '^[0-9]{8}$' },
    BUILT: { from: 'commit-time', pattern: '[0-9]+' },
  },
  annotations: { version: { from: 'label:version', pattern: '[0-9.]+' } },
}
const context = {
  annotations: { date: '20260101' },
  labels: { version: '1.2' },
  commitTime: TEST_TIME,
}
const recipe: Recipe = {
  builders: [{ name: 'buildah', version: '1.28' }],
  dockerfile: 'Dockerfile',
  context: '.',
  sourceDateEpoch: TEST_TIME,
  buildArgs: { GREETING: 'hello', JOBS: '2', DATE: '20260101', BUILT: String(TEST_TIME) },
  annotations: { version: '1.2' },
}

const mismatches = (changes: object): string[] =>
  matchesTemplate({ recipe: template }, { ...recipe, ...changes })

describe('resolveTemplate', () => {
  it('puts literals in the place of references', () => {
    expect(resolveTemplate(template, context)).toEqual(recipe)
  })

  it('gives a recipe that the template permits', () => {
    expect(matchesTemplate({ recipe: template }, resolveTemplate(template, context))).toEqual([])
  })

  it('leaves out what the template leaves out', () => {
    const { builders, dockerfile, context: folder } = template
    const small = { builders, dockerfile, context: folder }
    expect(resolveTemplate(small, context)).toEqual(small)
  })

  it('takes the epoch from an annotation', () => {
    const from = { from: 'annotation:epoch', pattern: '[0-9]+' }
    const annotations = { ...context.annotations, epoch: '12' }
    const resolved = resolveTemplate(
      { ...template, sourceDateEpoch: from },
      { ...context, annotations },
    )
    expect(resolved.sourceDateEpoch).toBe(12)
  })

  it.each([
    ['an annotation that the image lacks', 'unresolved', { annotations: {} }],
    ['a label that the image lacks', 'unresolved', { labels: {} }],
    [
      'a name that every object has',
      'unresolved',
      { labels: Object.create({ version: '1' }) as object },
    ],
    ['a value beside its pattern', 'pattern-mismatch', { annotations: { date: '2026; evil' } }],
    ['a value too long to be tried', 'pattern-mismatch', { labels: { version: '1'.repeat(257) } }],
  ])('refuses %s', (_, code, change) => {
    const work = (): unknown => resolveTemplate(template, { ...context, ...change })
    expect(work).toThrow(ProjectError)
    expect(work).toThrow(expect.objectContaining({ code }))
  })

  it('takes the epoch from a date: the midnight in UTC that begins it', () => {
    const date = { from: 'annotation:date', pattern: '[0-9]{8}', as: 'date' } as const
    const dated = { ...template, sourceDateEpoch: date }
    const resolved = resolveTemplate(dated, context)
    expect(resolved.sourceDateEpoch).toBe(Date.UTC(2026, 0, 1) / 1000)
    expect(matchesTemplate({ recipe: dated }, resolved)).toEqual([])
    const other = { ...context, annotations: { date: '20260231' } }
    expect(() => resolveTemplate(dated, other)).toThrow(
      '"recipe.source_date_epoch" resolves to "20260231", not to a date such as 20260610',
    )
  })

  it('refuses a value that resolves to no time', () => {
    const from = { from: 'annotation:epoch', pattern: '.*' }
    const work = (): unknown =>
      resolveTemplate(
        { ...template, sourceDateEpoch: from },
        { ...context, annotations: { ...context.annotations, epoch: '1e3' } },
      )
    expect(work).toThrow(expect.objectContaining({ code: 'bad-value' }))
  })

  it('refuses a recipe that no statement could carry', () => {
    const buildArgs = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`A${i}`, 'x'.repeat(900)]),
    )
    expect(() => resolveTemplate({ ...template, buildArgs }, context)).toThrow(StatementError)
  })
})

describe('matchesTemplate', () => {
  it('permits a recipe whose literals are equal and whose values match', () => {
    expect(mismatches({})).toEqual([])
    expect(mismatches({ network: 'default' })).toEqual([])
  })

  it.each([
    [{ dockerfile: 'Other' }, 'dockerfile is "Other", the project file says "Dockerfile"'],
    [{ context: 'src' }, 'context is "src", the project file says "."'],
    [{ target: 'evil' }, 'target is "evil", the project file says absent'],
    [{ network: 'none' }, 'network is "none", the project file says "default"'],
    [{ exporter: { a: 'b' } }, 'exporter is {"a":"b"}, the project file says {}'],
    [
      { builders: [{ name: 'buildah' }] },
      'builders is [{"name":"buildah"}], the project file says [{"name":"buildah","version":"1.28"}]',
    ],
    [
      { sourceDateEpoch: undefined },
      'sourceDateEpoch is in the project file and not in the release',
    ],
    [
      { buildArgs: { ...recipe.buildArgs, GREETING: 'evil' } },
      'build argument "GREETING" is "evil", the project file says "hello"',
    ],
    [
      { buildArgs: { ...recipe.buildArgs, DATE: '20260101 evil' } },
      'build argument "DATE" is "20260101 evil", which does not match ^[0-9]{8}$',
    ],
    [
      { buildArgs: { ...recipe.buildArgs, EXTRA: '1' } },
      'build argument "EXTRA" is not in the project file',
    ],
    [{ annotations: {} }, 'annotation "version" is in the project file and not in the release'],
  ])('says of %j what is not permitted', (changes, sentence) => {
    expect(mismatches(changes)).toEqual([sentence])
  })

  it('lists every mismatch, not the first', () => {
    expect(mismatches({ dockerfile: 'Other', context: 'src', buildArgs: {} })).toHaveLength(6)
  })

  it('refuses values of one source that differ, though each matches its pattern', () => {
    const date = { from: 'annotation:date', pattern: '[0-9]{8}' }
    const dated: RecipeTemplate = {
      ...template,
      sourceDateEpoch: { ...date, as: 'date' },
      annotations: { date },
    }
    const day = Date.UTC(2026, 0, 1) / 1000
    const said = (epoch: number, argument: string, annotation: string): string[] =>
      matchesTemplate(
        { recipe: dated },
        {
          ...recipe,
          sourceDateEpoch: epoch,
          buildArgs: { ...recipe.buildArgs, DATE: argument },
          annotations: { date: annotation },
        },
      )
    expect(said(day, '20260101', '20260101')).toEqual([])
    expect(said(day, '20251231', '20260101')).toEqual([
      'sourceDateEpoch and build argument "DATE" both stand for annotation:date, and are not of one value',
    ])
    expect(said(day, '20260101', '20260102')).toEqual([
      'sourceDateEpoch and annotation "date" both stand for annotation:date, and are not of one value',
    ])
    expect(said(day + 1, '20260101', '20260101')).toEqual([
      `sourceDateEpoch is "${day + 1}", which does not match [0-9]{8}`,
    ])
  })
})

describe('the time of the commit', () => {
  it('is what every value says that stands for it', () => {
    expect(commitTimesOf(template, recipe)).toEqual([String(TEST_TIME), String(TEST_TIME)])
    expect(mismatches({ sourceDateEpoch: TEST_TIME + 1 })).toEqual([
      'sourceDateEpoch and build argument "BUILT" both stand for commit-time, and are not of one value',
    ])
    const { sourceDateEpoch: _epoch, buildArgs: _args, ...rest } = template
    expect(commitTimesOf(rest, recipe)).toEqual([])
  })
})
