/** Every project file that is shipped parses, lints, and gives a recipe for an image that has what it asks for. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { lintProjectFile } from '../../../node/lint-project-file.ts'
import { readProjectText } from '../../../node/project-files.ts'
import { LINT_CODES } from '../../../node/rebuild/lint/finding.ts'
import { matchesTemplate, resolveTemplate } from '../../../protocol/recipe-template.ts'
import { makeOperator } from '../../support/statements.ts'
import { dangerzoneSource } from '../../support/dangerzone-source.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const FOLDER = join(ROOT, 'docker/projects')
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.toml'))
const textOf = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

/** Where the source of each is. */
const SOURCES: Readonly<Record<string, () => string | Promise<string>>> = {
  'dangerzone.toml': dangerzoneSource,
  'debian.toml': () => join(FOLDER, 'debian'),
  'rebuildnet.toml': () => ROOT,
}

describe.each(FILES)('the project file %s', (name) => {
  it('cannot be followed before somebody has said whose announcements count', () => {
    expect(() => readProjectText(textOf(name), name)).toThrow(
      /^[a-z.]+:[0-9]+: "announcers" is empty: put in the operator id/,
    )
    const filled = textOf(name).replace(
      'announcers = []',
      `announcers = ["${makeOperator('announcer').id}"]`,
    )
    expect(readProjectText(filled, name).announcers).toEqual([makeOperator('announcer').id])
  })

  it('lints with no other warning', async () => {
    const source = SOURCES[name]
    if (source === undefined) throw new Error(`where is the source of ${name}?`)
    const text = textOf(name)
    const { findings } = await lintProjectFile(
      { text, file: name, source: await source() },
      AbortSignal.timeout(60_000),
    )
    expect(findings.map(({ file, code }) => `${file} ${code}`)).toEqual([
      `${name} announcers-missing`,
    ])
  })

  it('gives a recipe that it permits', () => {
    const { recipe } = readProjectText(textOf(name), name, { template: true })
    const context = {
      annotations: { 'rocks.dangerzone.debian_archive_date': '20260610' },
      labels: {},
      commitTime: 1_780_000_000,
    }
    const resolved = resolveTemplate(recipe, context)
    expect(matchesTemplate({ recipe }, resolved)).toEqual([])
  })
})

describe('the project file of Dangerzone', () => {
  const { recipe, platforms } = readProjectText(textOf('dangerzone.toml'), 'x', { template: true })

  it('builds with the date of the annotation, at the midnight that begins it', () => {
    expect(platforms).toEqual(['linux/amd64', 'linux/arm64'])
    const annotations = { 'rocks.dangerzone.debian_archive_date': '20260610' }
    const resolved = resolveTemplate(recipe, { annotations, labels: {}, commitTime: 1 })
    expect(resolved).toMatchObject({
      sourceDateEpoch: Date.UTC(2026, 5, 10) / 1000,
      buildArgs: { DEBIAN_ARCHIVE_DATE: '20260610' },
      annotations,
      exporter: { 'rewrite-timestamp': 'true' },
    })
    expect(resolved.builders[0]?.image).toMatch(/moby\/buildkit:v0\.23\.2@sha256:[0-9a-f]{64}$/)
  })

  it.each(['20260610; curl evil.example', '19990101', '2026-06-10', ''])(
    'takes no date such as %j from an image',
    (date) => {
      const annotations = { 'rocks.dangerzone.debian_archive_date': date }
      expect(() => resolveTemplate(recipe, { annotations, labels: {}, commitTime: 1 })).toThrow(
        expect.objectContaining({ code: 'pattern-mismatch' }),
      )
    },
  )
})

it('the page about project files names every code of lint', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  for (const code of LINT_CODES) expect(page).toContain(`\`${code}\``)
})

describe('the BuildKit that the tests build', () => {
  it('is the one that every shipped recipe pins', () => {
    const script = readFileSync(join(ROOT, '.ci/buildkit.mjs'), 'utf8')
    const [, tested = ''] = /^const VERSION = '([0-9.]+)'$/m.exec(script) ?? []
    const pinned = FILES.flatMap((name) => {
      const { recipe } = readProjectText(textOf(name), name, { template: true })
      return recipe.builders.map(
        ({ version, image }) => version ?? /:v([0-9.]+)@sha256:/.exec(image ?? '')?.[1] ?? '',
      )
    })
    expect(pinned).toHaveLength(FILES.length)
    for (const pin of pinned) expect(`${tested}.`.startsWith(`${pin}.`)).toBe(true)
  })
})
