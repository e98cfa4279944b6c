import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { ProjectError } from '../../../protocol/project-error.ts'
import { parseProject } from '../../../protocol/project.ts'
import { makeOperator } from '../../support/statements.ts'

const announcer = makeOperator('announcer').id
const FILE = `
format = 1
image = "ghcr.io/example/app"
platforms = ["linux/arm64", "linux/amd64"]
source = "git+https://github.com/example/app"
announcers = ["${announcer}"]
insecure = ["127.0.0.1:5000"]

[recipe]
dockerfile = "docker/Dockerfile"
target = "runtime"
source_date_epoch = "commit"
network = "none"

[[recipe.builders]]
name = "buildkit"
image = "moby/buildkit@sha256:${'a'.repeat(64)}"

[[recipe.builders]]
name = "buildah"
version = "1.28"

[recipe.build_args]
GREETING = "hello"
JOBS = 2
DEBIAN_ARCHIVE_DATE = { from = "annotation:rocks.dangerzone.debian_archive_date", pattern = "^[0-9]{8}$" }

[recipe.annotations]
"org.opencontainers.image.version" = { from = "label:version", pattern = "[0-9.]+" }

[recipe.exporter]
rewrite-timestamp = "true"
`

/** The ProjectError that the file gives once `text` stands in the place of `part`. */
function errorOf(part: string, text: string): ProjectError {
  if (!FILE.includes(part)) throw new Error(`no ${part} in the file`)
  try {
    parseProject(parse(FILE.replace(part, text)))
  } catch (error) {
    if (error instanceof ProjectError) return error
    throw error
  }
  throw new Error('the file was taken')
}

describe('parseProject', () => {
  it('reads every key of a project file', () => {
    expect(parseProject(parse(FILE))).toEqual({
      image: 'ghcr.io/example/app',
      platforms: ['linux/amd64', 'linux/arm64'],
      source: 'git+https://github.com/example/app',
      announcers: [announcer],
      insecure: ['127.0.0.1:5000'],
      profile: 'rebuildnet/1',
      recipe: {
        builders: [
          { name: 'buildah', version: '1.28' },
          { name: 'buildkit', image: `moby/buildkit@sha256:${'a'.repeat(64)}` },
        ],
        dockerfile: 'docker/Dockerfile',
        context: '.',
        target: 'runtime',
        network: 'none',
        sourceDateEpoch: 'commit',
        buildArgs: {
          GREETING: 'hello',
          JOBS: 2,
          DEBIAN_ARCHIVE_DATE: {
            from: 'annotation:rocks.dangerzone.debian_archive_date',
            pattern: '^[0-9]{8}$',
          },
        },
        annotations: {
          'org.opencontainers.image.version': { from: 'label:version', pattern: '[0-9.]+' },
        },
        exporter: { 'rewrite-timestamp': 'true' },
      },
    })
  })

  it('leaves out of the recipe what the file leaves out', () => {
    const file = FILE.slice(0, FILE.indexOf('[recipe]'))
    const { recipe } = parseProject(parse(`${file}\n[[recipe.builders]]\nname = "buildah"`))
    expect(Object.keys(recipe).sort()).toEqual(['builders', 'context', 'dockerfile'])
  })

  it('refuses a newer format in one line, whatever else the file holds', () => {
    const error = errorOf('format = 1', 'format = 2\nnews = true')
    expect(error.code).toBe('newer-format')
    expect(error.message).toBe(
      'the file is of format 2, this rebuildnet reads 1: update rebuildnet',
    )
  })

  it.each([
    ['format = 1', '', 'missing-key', 'format'],
    ['format = 1', 'format = 0', 'bad-value', 'format'],
    ['insecure =', 'insecur =', 'unknown-key', 'insecur'],
    ['target =', 'tagret =', 'unknown-key', 'recipe.tagret'],
    ['version = "1.28"', 'versoin = "1.28"', 'unknown-key', 'recipe.builders.1.versoin'],
    [
      'pattern = "[0-9.]+"',
      'pattern = "[0-9.]+", or = ""',
      'unknown-key',
      'recipe.annotations.org.opencontainers.image.version.or',
    ],
    [`image = "ghcr.io/example/app"`, '', 'missing-key', 'image'],
    [`image = "ghcr.io/example/app"`, 'image = "app"', 'bad-value', 'image'],
    [`image = "ghcr.io/example/app"`, 'image = 1', 'wrong-type', 'image'],
    ['"linux/arm64"', '"linux/arm64/v8"', 'bad-value', 'platforms.0'],
    ['"linux/arm64"', '"linux/amd64"', 'bad-value', 'platforms'],
    ['["linux/arm64", "linux/amd64"]', '[]', 'bad-value', 'platforms'],
    ['git+https://github.com', 'https://github.com', 'bad-value', 'source'],
    [`"${announcer}"`, '"op1abc"', 'bad-value', 'announcers.0'],
    [`"${announcer}"`, '', 'bad-value', 'announcers'],
    ['name = "buildah"', 'name = "kaniko"', 'bad-value', 'recipe.builders.1.name'],
    ['name = "buildah"', 'name = "buildkit"', 'bad-value', 'recipe.builders'],
    ['"docker/Dockerfile"', '"../Dockerfile"', 'bad-value', 'recipe.dockerfile'],
    ['"commit"', '"now"', 'bad-value', 'recipe.source_date_epoch'],
    [
      '"commit"',
      '{ from = "label:a", pattern = "a", as = "week" }',
      'bad-value',
      'recipe.source_date_epoch.as',
    ],
    [
      'pattern = "[0-9.]+"',
      'pattern = "[0-9.]+", as = "date"',
      'unknown-key',
      'recipe.annotations.org.opencontainers.image.version.as',
    ],
    [
      'pattern = "[0-9.]+"',
      'pattern = "(?=a)a"',
      'bad-value',
      'recipe.annotations.org.opencontainers.image.version.pattern',
    ],
    ['JOBS = 2', 'JOBS = true', 'wrong-type', 'recipe.build_args.JOBS'],
    ['JOBS = 2', '"1JOBS" = 2', 'bad-value', 'recipe.build_args.1JOBS'],
    ['JOBS = 2', '__proto__ = "x"', 'bad-value', 'recipe.build_args.__proto__'],
    [
      'from = "label:version"',
      'from = "env:HOME"',
      'bad-value',
      'recipe.annotations.org.opencontainers.image.version.from',
    ],
    [
      'pattern = "[0-9.]+"',
      'pattern = "("',
      'bad-value',
      'recipe.annotations.org.opencontainers.image.version.pattern',
    ],
    [
      ', pattern = "[0-9.]+"',
      '',
      'missing-key',
      'recipe.annotations.org.opencontainers.image.version.pattern',
    ],
    ['insecure = [', 'profile = "rebuildnet/2"\ninsecure = [', 'bad-value', 'profile'],
  ] as const)('for %j written as %j says %s and names %s', (part, text, code, key) => {
    const error = errorOf(part, text)
    expect({ code: error.code, key: error.key }).toEqual({ code, key })
    expect(error.message).toMatch(/^"[^\n]+$/)
    expect(error.message).toContain(key)
  })

  it('gives the path of the key, also where a name has dots', () => {
    expect(errorOf('from = "label:version"', 'from = "env:HOME"').path).toEqual([
      'recipe',
      'annotations',
      'org.opencontainers.image.version',
      'from',
    ])
  })

  it.each([undefined, null, [], 'image', new Map()])('refuses %j, which is no table', (value) => {
    expect(() => parseProject(value)).toThrow(ProjectError)
  })
})
