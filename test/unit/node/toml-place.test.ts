import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { lineOf } from '../../../node/toml-place.ts'

const FILE = `# a comment
format = 1
platforms = [
  "linux/amd64",
  "linux/arm64",
]
site."dot.ted".key = """
two
lines"""

[recipe]
dockerfile = "Dockerfile"

[[recipe.builders]]
name = "buildah"

[[recipe.builders]]
name = "buildkit"

[recipe.build_args]
A = { from = "label:a", pattern = "x" }
"b c" = { from = "label:b",
  pattern = "y" }
`

describe('the line of a key', () => {
  it.each([
    [['format'], 2],
    [['platforms'], 3],
    [['platforms', 1], 5],
    [['site', 'dot.ted', 'key'], 7],
    [['recipe'], 11],
    [['recipe', 'dockerfile'], 12],
    [['recipe', 'builders', 0, 'name'], 15],
    [['recipe', 'builders', 1], 17],
    [['recipe', 'builders', 1, 'name'], 18],
    [['recipe', 'build_args', 'A', 'pattern'], 21],
    [['recipe', 'build_args', 'b c', 'pattern'], 23],
  ])('%j is on line %i', (path, line) => {
    expect(lineOf(FILE, path)).toBe(line)
  })

  it('is that of the table where the key is missing', () => {
    expect(lineOf(FILE, ['recipe', 'target'])).toBe(11)
    expect(lineOf(FILE, ['recipe', 'builders', 1, 'version'])).toBe(17)
    expect(lineOf(FILE, ['recipe', 'build_args', 'A', 'as'])).toBe(21)
  })

  it('is not known of what is nowhere, or in what is no TOML', () => {
    expect(lineOf(FILE, ['image'])).toBeUndefined()
    expect(lineOf(FILE, [])).toBeUndefined()
    expect(lineOf('a = = 1', ['a'])).toBeUndefined()
  })

  it('is known in every file that the other parser reads', () => {
    const newer = 'a = { b = 1,\n  c = "\\e", }\n'
    expect(Object.keys(parse(newer).a as object)).toEqual(['b', 'c'])
    expect(lineOf(newer, ['a', 'c'])).toBe(2)
  })
})
