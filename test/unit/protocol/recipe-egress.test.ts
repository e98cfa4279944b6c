import { describe, expect, it } from 'vitest'
import { matchesTemplate } from '../../../protocol/recipe-template.ts'
import { parseProject } from '../../../protocol/project.ts'
import { encodeRecipe, parseRecipe, type Recipe } from '../../../protocol/recipe.ts'
import { makeOperator } from '../../support/statements.ts'

const plain = { builders: [{ name: 'buildah' }], dockerfile: 'Dockerfile', context: '.' }

describe('the hosts that a recipe declares', () => {
  it('are absent from one that declares none, as before there was a word for it', () => {
    expect(encodeRecipe(parseRecipe(plain))).toEqual(plain)
  })

  it('are kept as they are written', () => {
    const recipe = { ...plain, egress: ['deb.debian.org', 'mirror.example:8080'] }
    expect(encodeRecipe(parseRecipe(recipe))).toEqual(recipe)
  })

  it.each([
    ['not-sorted', ['b.example', 'a.example']],
    ['not-sorted', ['a.example', 'a.example']],
    ['not-canonical', []],
  ])('are refused with %s: %j', (code, egress) => {
    expect(() => parseRecipe({ ...plain, egress })).toThrow(expect.objectContaining({ code }))
  })

  it.each(['A.example', '*.example', 'a.example:0', 'a.example:70000', 'https://a', 'a b', '-a'])(
    'are hosts, and %j is none',
    (host) => {
      expect(() => parseRecipe({ ...plain, egress: [host] })).toThrow('host or host:port')
    },
  )

  it('contradict a recipe without a network', () => {
    const recipe = { ...plain, network: 'none', egress: ['a.example'] }
    expect(() => parseRecipe(recipe)).toThrow(expect.objectContaining({ code: 'not-canonical' }))
  })

  it('are those of the project file, or the recipe is not one that it permits', () => {
    const template = { ...plain, egress: ['a.example'] } as Recipe
    const permits = (recipe: unknown) => matchesTemplate({ recipe: template }, recipe as Recipe)
    expect(permits(template)).toEqual([])
    expect(permits(plain)).toEqual(['egress is absent, the project file says ["a.example"]'])
    expect(permits({ ...plain, egress: ['a.example', 'b.example'] })).toHaveLength(1)
  })

  it('are read from a project file in any order', () => {
    const project = (recipe: object) =>
      parseProject({
        format: 1,
        image: 'registry.example/app',
        platforms: ['linux/amd64'],
        source: 'git+https://example.org/app',
        announcers: [makeOperator().id],
        recipe: { builders: [{ name: 'buildah' }], ...recipe },
      })
    const { egress } = project({ egress: ['b.example', 'a.example:81'] }).recipe
    expect(egress).toEqual(['a.example:81', 'b.example'])
    const both = { network: 'none', egress: ['a.example'] }
    expect(() => project(both)).toThrow('"recipe.egress" names hosts, and network is "none"')
  })
})
