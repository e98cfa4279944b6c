import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { countGroups } from '../../../protocol/diversity.ts'
import { isImageGlob, matchesImageGlob } from '../../../protocol/image-glob.ts'
import { PolicyError } from '../../../protocol/policy-error.ts'
import { checkCards, parsePolicy, rulesFor, type Policy } from '../../../protocol/policy.ts'
import { hex, keyOf, makeCard, makePolicy, operatorId } from '../../support/verdict-cases.ts'

function policy(toml: string): Policy {
  return parsePolicy(parse(toml), nodeCrypto)
}

function errorOf(toml: string): PolicyError {
  try {
    policy(toml)
  } catch (error) {
    if (error instanceof PolicyError) return error
    throw error
  }
  throw new Error('the policy was taken')
}

const operators = (...names: string[]): string =>
  names.map((name) => `[[operator]]\nid = "${operatorId(name)}"\n`).join('')

describe('a policy file', () => {
  it('that is empty trusts nobody, and has the defaults', () => {
    expect(policy('')).toMatchObject({
      operators: [],
      images: [],
      warnings: [],
      threshold: 2,
      maxDissent: 0,
      maxSilent: 0,
      maxAgeSeconds: 172_800,
      minGroups: 0,
      accept: 'normalized',
      countUnstable: true,
      countEmulated: false,
      minBlind: 0,
      freshness: 'required',
    })
  })

  it('is read as a user writes it', () => {
    const read = policy(`
      format = 1
      threshold = 3
      max_dissent = 1
      max_silent = 1
      max_age = "7d"
      accept = "exact"
      min_groups = 2
      count_unstable = false
      count_emulated = true
      freshness = "off"

      [[operator]]
      id = "${operatorId('b')}"
      name = "Freedom of the Press Foundation"
      groups = ["us", "ngo", "us"]

      [[operator]]
      id = "${operatorId('a')}"
      groups = ["eu"]
      card = "${hex('card')}"

      [[operator]]
      id = "${operatorId('c')}"
    `)
    expect(read).toMatchObject({
      threshold: 3,
      maxDissent: 1,
      maxSilent: 1,
      maxAgeSeconds: 604_800,
      accept: 'exact',
      minGroups: 2,
      countUnstable: false,
      countEmulated: true,
      freshness: 'off',
      warnings: [],
    })
    expect(read.operators).toEqual([
      { id: operatorId('a'), groups: ['eu'], card: hex('card') },
      {
        id: operatorId('b'),
        name: 'Freedom of the Press Foundation',
        groups: ['ngo', 'us'],
      },
      { id: operatorId('c'), groups: [] },
    ])
  })

  it('bears a third of its operators silent unless it says otherwise', () => {
    expect(policy(operators('a', 'b')).maxSilent).toBe(0)
    expect(policy(operators('a', 'b', 'c', 'd', 'e')).maxSilent).toBe(1)
    expect(policy(`max_silent = 0\n${operators('a', 'b', 'c')}`).maxSilent).toBe(0)
  })

  it.each([
    ['treshold = 2', 'unknown-key', 'treshold'],
    [`[[operator]]\nid = "${operatorId('a')}"\nweight = 2`, 'unknown-key', 'operator[0].weight'],
    ['[[image]]\nmatch = "a.b/*"\nname = "x"', 'unknown-key', 'image[0].name'],
    ['[[image]]\nmatch = "a.b/*"\nformat = 1', 'unknown-key', 'image[0].format'],
    ['format = 2', 'newer-format', 'format'],
    ['format = 0', 'out-of-range', 'format'],
    ['threshold = 0', 'threshold-too-small', 'threshold'],
    ['threshold = -1', 'threshold-too-small', 'threshold'],
    ['threshold = 1.5', 'wrong-type', 'threshold'],
    ['threshold = "2"', 'wrong-type', 'threshold'],
    ['threshold = 2\nmax_dissent = 2', 'dissent-not-below-threshold', 'max_dissent'],
    ['max_dissent = -1', 'out-of-range', 'max_dissent'],
    ['max_age = "23h"', 'max-age-too-short', 'max_age'],
    ['max_age = "0d"', 'max-age-too-short', 'max_age'],
    ['max_age = "2 days"', 'bad-value', 'max_age'],
    ['max_age = 48', 'wrong-type', 'max_age'],
    ['accept = "bitwise"', 'bad-value', 'accept'],
    ['freshness = "on"', 'bad-value', 'freshness'],
    ['count_unstable = 1', 'wrong-type', 'count_unstable'],
    ['operator = 3', 'wrong-type', 'operator'],
    ['operator = [3]', 'not-a-table', 'operator[0]'],
    ['[[operator]]\nname = "x"', 'missing-key', 'operator[0].id'],
    ['[[operator]]\nid = "op1short"', 'bad-value', 'operator[0].id'],
    [operators('a', 'b', 'a'), 'duplicate-operator', 'operator[2].id'],
    [`[[operator]]\nid = "${operatorId('a')}"\ncard = "x"`, 'bad-value', 'operator[0].card'],
    [
      `[[operator]]\nid = "${operatorId('a')}"\ngroups = ["us", 3]`,
      'bad-value',
      'operator[0].groups[1]',
    ],
    [
      `[[operator]]\nid = "${operatorId('a')}"\nname = "two\\nlines"`,
      'bad-value',
      'operator[0].name',
    ],
    ['[[image]]\naccept = "exact"', 'missing-key', 'image[0].match'],
    ['[[image]]\nmatch = "Ghcr.io/*"', 'bad-value', 'image[0].match'],
    ['[[image]]\nmatch = "a.b/***"', 'bad-value', 'image[0].match'],
    ['[[image]]\nmatch = "a.b/*"\nrepository = "tool"', 'bad-value', 'image[0].repository'],
    // A rule that is sound by itself and not together with the others.
    [
      'threshold = 3\nmax_dissent = 1\n[[image]]\nmatch = "a.b/*"\nthreshold = 1',
      'dissent-not-below-threshold',
      'image[0].max_dissent',
    ],
  ])('with %j is refused as %s, naming the key', (toml, code, key) => {
    const error = errorOf(toml)
    expect([error.code, error.key]).toEqual([code, key])
    expect(error.message).toContain(key)
    expect(error.message).not.toContain('\n')
  })

  it('with a key that holds a line break is refused in one line', () => {
    expect(errorOf('"a\\nb" = 1').message).not.toContain('\n')
  })

  it.each([[undefined], [null], [3], [[]], [new Date(0)], [new Map()]])(
    'that is %s and no table is refused',
    (value) => {
      expect(() => parsePolicy(value, nodeCrypto)).toThrow(PolicyError)
    },
  )

  it('warns that nothing will be allowed where k, the groups or blind votes are out of reach', () => {
    expect(policy(`threshold = 3\n${operators('a', 'b')}`).warnings).toEqual([
      'unreachable: threshold is 3 and there are 2 operators, so nothing will be allowed',
    ])
    const groups = `min_groups = 2\n${operators('a', 'b')}`
    expect(policy(groups).warnings).toEqual([
      expect.stringMatching(/^unreachable: min_groups is 2/),
    ])
    expect(policy(`min_blind = 3\n${operators('a', 'b')}`).warnings).toEqual([
      'unreachable: min_blind is 3 and there are 2 operators, so nothing will be allowed',
    ])
    const image = `${operators('a', 'b')}\n[[image]]\nmatch = "a.b/*"\nthreshold = 3`
    expect(policy(image).warnings).toEqual([
      expect.stringMatching(/^unreachable \(image\[0\]\): threshold is 3/),
    ])
  })

  it('has a hash that is the same for the same rules, however they are written', () => {
    const one = policy(`threshold = 2\n${operators('a', 'b')}`)
    const other = policy(operators('b', 'a'))
    expect(one.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(other.hash).toBe(one.hash)
    expect(policy(`max_silent = 1\n${operators('a', 'b')}`).hash).not.toBe(one.hash)
    expect(policy(operators('a', 'b', 'c')).hash).not.toBe(one.hash)
  })
})

describe('rulesFor', () => {
  const read = policy(`
    accept = "rootfs"
    [[image]]
    match = "ghcr.io/acme/*"
    accept = "exact"
    [[image]]
    match = "ghcr.io/**"
    threshold = 4
    repository = "quay.io/acme/tool"
  `)

  it('takes the first section that matches, over the rules of the file', () => {
    expect(rulesFor(read, 'ghcr.io/acme/tool').rules).toMatchObject({
      accept: 'exact',
      threshold: 2,
    })
    expect(rulesFor(read, 'ghcr.io/acme/sub/tool')).toMatchObject({
      rules: { accept: 'rootfs', threshold: 4 },
      repository: 'quay.io/acme/tool',
    })
    expect(rulesFor(read, 'docker.io/library/debian')).toMatchObject({
      rules: { accept: 'rootfs', threshold: 2 },
      repository: undefined,
    })
  })
})

describe('a pattern of images', () => {
  it.each([
    ['ghcr.io/acme/*', 'ghcr.io/acme/tool', true],
    ['ghcr.io/acme/*', 'ghcr.io/acme/sub/tool', false],
    ['ghcr.io/acme/**', 'ghcr.io/acme/sub/tool', true],
    ['ghcr.io/*/tool', 'ghcr.io/acme/tool', true],
    ['ghcr.io/a*e/t**', 'ghcr.io/acme/t/o/o/l', true],
    ['ghcr.io/acme/tool', 'ghcr.io/acme/tool', true],
    ['ghcr.io/acme/tool', 'ghcr.io/acme/tools', false],
    ['ghcr.io/acme/tool', 'xghcr.io/acme/tool', false],
    ['ghcr.io/acme/*', 'ghcrxio/acme/tool', false],
    ['localhost:5000/**', 'localhost:5000/tool', true],
    ['[::1]:5000/*', '[::1]:5000/tool', true],
    ['**', 'any.where/at/all', true],
  ])('%s against %s: %s', (glob, image, expected) => {
    expect(isImageGlob(glob)).toBe(true)
    expect(matchesImageGlob(glob, image)).toBe(expected)
  })
})

describe('checkCards', () => {
  const trust = makePolicy(['a', 'b'])
  const card = (operator: string, ...keys: string[]) =>
    makeCard({ operator, keys: keys.map(keyOf) }).body

  it('refuses one key under two operators of the policy', () => {
    expect(() => checkCards(trust, [card('a', 'k1', 'k2'), card('b', 'k2')])).toThrow(
      expect.objectContaining({ code: 'shared-key' }),
    )
  })

  it('takes a key twice from one operator, and does not mind strangers', () => {
    const cards = [card('a', 'k1'), card('a', 'k1', 'k2'), card('b', 'k3'), card('x', 'k1')]
    expect(() => checkCards(trust, cards)).not.toThrow()
  })
})

describe('countGroups (T17)', () => {
  it('gives each group an operator of its own', () => {
    expect(countGroups([{ groups: ['us', 'ngo'] }])).toBe(1)
    expect(countGroups([{ groups: ['us', 'ngo'] }, { groups: ['us'] }])).toBe(2)
    expect(countGroups([{ groups: ['us'] }, { groups: ['us'] }, { groups: [] }])).toBe(1)
    expect(
      countGroups([{ groups: ['us'] }, { groups: ['us', 'eu'] }, { groups: ['eu', 'ngo'] }]),
    ).toBe(3)
  })
})
