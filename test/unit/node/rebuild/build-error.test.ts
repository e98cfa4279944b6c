import { describe, expect, it } from 'vitest'
import { BUILD_ERROR_CODES, BuildError } from '../../../../node/rebuild/build-error.ts'

describe('a build error', () => {
  it('is the recipe’s fault only for what the recipe itself says or does', () => {
    const recipe = BUILD_ERROR_CODES.filter((code) => new BuildError(code, '').class === 'recipe')
    expect(recipe).toEqual([
      'dockerfile-missing',
      'dockerfile-invalid',
      'context-missing',
      'path-escapes-source',
      'recipe-reads-own-image',
      'recipe-unresolved-image',
      'recipe-local-image',
      'recipe-asks-privilege',
      'step-failed',
    ])
  })

  it.each(['source-fetch-failed', 'source-commit-missing', 'source-timeout'] as const)(
    'of code %s is infrastructure at the source',
    (code) => {
      const error = new BuildError(code, 'text')
      expect([error.stage, error.class, error.message]).toEqual([
        'source',
        'infrastructure',
        'text',
      ])
    },
  )
})
