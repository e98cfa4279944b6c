import { describe, expect, it } from 'vitest'
import type { Builder, DetectedBuilder } from '../../../../node/rebuild/builder.ts'
import { BuilderPool } from '../../../../node/rebuild/builder-pool.ts'
import type { BuilderName, BuilderPin } from '../../../../protocol/recipe.ts'

function makeBuilder(name: BuilderName, version: string | undefined): Builder {
  const unused = () => {
    throw new Error('not built here')
  }
  const detected: DetectedBuilder | undefined =
    version === undefined ? undefined : { version, isolation: '', isolated: true, warnings: [] }
  return { name, detect: async () => detected, build: unused, plan: unused }
}

async function choose(allowed: readonly BuilderPin[], builders: readonly Builder[]) {
  return (await new BuilderPool(builders).choose(allowed))?.builder.name
}

describe('choosing a builder', () => {
  const both = [makeBuilder('buildkit', '0.20.1'), makeBuilder('buildah', '1.28.2')]

  it('takes the first that is installed and allowed', async () => {
    expect(await choose([{ name: 'buildah' }], both)).toBe('buildah')
    expect(await choose([{ name: 'buildah' }, { name: 'buildkit' }], both)).toBe('buildkit')
  })

  it('takes none that is not installed', async () => {
    expect(await choose([{ name: 'docker' }], [makeBuilder('docker', undefined)])).toBeUndefined()
  })

  it.each([
    ['1.28', 'buildah'],
    ['1.28.2', 'buildah'],
    ['1', 'buildah'],
    ['1.2', undefined],
    ['1.28.20', undefined],
    ['1.29', undefined],
  ])('holds a recipe’s version %s against 1.28.2', async (version, name) => {
    expect(await choose([{ name: 'buildah', version }], both)).toBe(name)
  })
})
