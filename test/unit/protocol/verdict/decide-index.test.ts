import { describe, expect, it } from 'vitest'
import { decideIndex, QuestionError } from '../../../../protocol/verdict/decide-index.ts'
import {
  D,
  IMAGE,
  makeInput,
  makeRebuild,
  makeRelease,
  manifest,
  PLATFORM,
} from '../../../support/verdict-cases.ts'

const ARM = 'linux/arm64'
const release = makeRelease({ platforms: { [PLATFORM]: D, [ARM]: manifest('arm') } })
const amd = { repository: IMAGE, digest: D, platform: PLATFORM }
const arm = { repository: IMAGE, digest: manifest('arm'), platform: ARM }
const on = (platform: string, built: string, says = built) =>
  ['a', 'b'].map((by) => makeRebuild({ by, release, platform, built, says }))

describe('an image index', () => {
  it('is allowed only if every platform is', () => {
    const both = makeInput([release, ...on(PLATFORM, 'D'), ...on(ARM, 'arm')])
    expect(decideIndex([amd, arm], both)).toMatchObject({ decision: 'allow' })
    const one = makeInput([release, ...on(PLATFORM, 'D')])
    const answer = decideIndex([amd, arm], { ...one, statements: one.statements })
    expect(answer.decision).toBe('undecided')
    expect(answer.answers.map(({ decision }) => decision)).toEqual(['allow', 'undecided'])
  })

  it('is denied if any platform is', () => {
    const input = makeInput([release, ...on(PLATFORM, 'D'), ...on(ARM, 'clean', 'arm')])
    expect(decideIndex([amd, arm], input).decision).toBe('deny')
    expect(decideIndex([amd], input).decision).toBe('allow')
  })

  it('can be asked of statements that come only once', () => {
    const input = makeInput([release, ...on(PLATFORM, 'D'), ...on(ARM, 'arm')])
    const once = [...input.statements].values()
    expect(decideIndex([amd, arm], { ...input, statements: once }).decision).toBe('allow')
  })

  it('with two manifests of one platform, or none, is an error', () => {
    const input = makeInput([release])
    const codeOf = (questions: Parameters<typeof decideIndex>[0]): string => {
      try {
        return decideIndex(questions, input).decision
      } catch (error) {
        return error instanceof QuestionError ? error.code : 'another error'
      }
    }
    expect(codeOf([amd, { ...arm, platform: PLATFORM }])).toBe('duplicate-platform')
    expect(codeOf([])).toBe('no-platform')
  })
})
