import { describe, expect, it } from 'vitest'
import { checkFrontend, readSyntax } from '../../../../node/rebuild/buildkit-frontend.ts'
import type { Recipe } from '../../../../protocol/recipe.ts'

const OWN = 'registry.example/project/app'
const PIN = `@sha256:${'1'.repeat(64)}`

const check = (dockerfile: string, buildArgs?: Recipe['buildArgs']): string | undefined => {
  const recipe: Recipe = {
    builders: [{ name: 'buildkit' }],
    dockerfile: 'Dockerfile',
    context: '.',
    ...(buildArgs === undefined ? {} : { buildArgs }),
  }
  try {
    checkFrontend(dockerfile, recipe, OWN)
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('the frontend of a Dockerfile', () => {
  it.each([
    ['FROM scratch\n', undefined],
    ['# syntax=docker/dockerfile:1\nFROM scratch\n', 'docker/dockerfile:1'],
    ['#syntax = a/b:1 with words\n', 'a/b:1 with words'],
    ['# escape=`\n# Syntax=a/b\r\nFROM x\n', 'a/b'],
    ['\uFEFF# syntax=a/b\n', 'a/b'],
    ['#!/usr/bin/env build\n# syntax=a/b\n', 'a/b'],
    ['// syntax=a/b\nFROM x\n', 'a/b'],
    ['{"syntax": "a/b", "x": 1}', 'a/b'],
    ['# a comment\n# syntax=a/b\n', undefined],
    ['\n# syntax=a/b\n', undefined],
    ['FROM x\n# syntax=a/b\n', undefined],
  ])('of %j is %j', (dockerfile, frontend) => {
    expect(readSyntax(dockerfile)).toBe(frontend)
  })

  it('may be BuildKit’s own, or one that is pinned', () => {
    expect(check('FROM scratch\n')).toBeUndefined()
    expect(check(`# syntax=docker/dockerfile:1${PIN}\nFROM scratch\n`)).toBeUndefined()
  })

  it.each(['docker/dockerfile:1', 'docker/dockerfile', 'a@sha256:12', '$FRONTEND'])(
    'may not be %s, which is another program tomorrow',
    (frontend) => {
      expect(check(`# syntax=${frontend}\nFROM scratch\n`)).toBe('recipe-frontend-floating')
      expect(check('FROM scratch\n', { BUILDKIT_SYNTAX: frontend })).toBe(
        'recipe-frontend-floating',
      )
    },
  )

  it('may be pinned by a build argument in the place of the line', () => {
    const pinned = { BUILDKIT_SYNTAX: `docker/dockerfile${PIN}` }
    expect(check('# syntax=docker/dockerfile:1\nFROM scratch\n', pinned)).toBeUndefined()
  })

  it('may not be the project’s own image, pinned or not', () => {
    expect(check(`// syntax=${OWN}${PIN}\n`)).toBe('recipe-reads-own-image')
  })
})
