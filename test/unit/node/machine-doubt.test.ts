import { describe, expect, it } from 'vitest'
import { agreementOfOthers, doubtWords } from '../../../node/machine-doubt.ts'
import type { Voice } from '../../../protocol/verdict/answer.ts'

const voice = (operator: string, vote: Voice['vote']): Voice => ({
  operator,
  groups: [],
  sids: [],
  vote,
})
const digest = (operator: string, name: string): Voice =>
  voice(operator, { kind: 'digest', digest: name })
const unstable = (operator: string): Voice => voice(operator, { kind: 'unstable' })

function agreement(
  supporters: readonly Voice[],
  dissenters: readonly Voice[] = [],
  unreproduced: readonly Voice[] = [],
  { need = 2, maxDissent = 0 } = {},
) {
  return agreementOfOthers({ supporters, dissenters, unreproduced, need }, 'self', maxDissent)
}

describe('the agreement of others', () => {
  const [a, b, c] = [digest('a', 'x'), digest('b', 'x'), digest('c', 'x')]

  it('is the digest that enough of them vote for, whatever this node says', () => {
    const agreed = { digest: 'x', operators: ['a', 'b'] }
    expect(agreement([a, b])).toEqual(agreed)
    expect(agreement([a, b], [digest('self', 'y')], [unstable('self')])).toEqual(agreed)
    // Not what was published: agreement it is all the same.
    expect(agreement([], [a, b], [unstable('self')])).toEqual(agreed)
  })

  it.each([
    ['one alone agrees with nobody', [a], [], [], { need: 1 }],
    ['too few for the policy', [a, b], [], [], { need: 3 }],
    ['this node is none of the others', [a, digest('self', 'x')], [], [], {}],
    ['another found something else', [a, b], [digest('c', 'y')], [], {}],
    ['another found two things', [a, b], [voice('c', { kind: 'none' })], [], {}],
    ['another is unstable: it may be the recipe', [a, b], [], [unstable('c')], {}],
    ['one of them is unstable too', [a, b], [], [unstable('b')], {}],
    ['nobody voted', [], [], [unstable('self')], {}],
  ] as const)('is none where %s', (_name, supporters, dissenters, unreproduced, options) => {
    expect(agreement(supporters, dissenters, unreproduced, options)).toBeUndefined()
  })

  it('stands against as much dissent as the policy takes', () => {
    const found = agreement([a, b, c], [digest('d', 'y')], [], { maxDissent: 1 })
    expect(found?.operators).toEqual(['a', 'b', 'c'])
    const more = [digest('d', 'y'), digest('e', 'z')]
    expect(agreement([a, b, c], more, [], { maxDissent: 1 })).toBeUndefined()
  })

  it('is told in words', () => {
    const about = { image: 'r/app', version: '1', platform: 'linux/amd64' }
    expect(doubtWords(about, { digest: 'x', operators: ['a', 'b'] })).toBe(
      'two cold builds of r/app 1 for linux/amd64 differ on this machine, while 2 other operators agree on x',
    )
  })
})
