import { describe, expect, it } from 'vitest'
import { exitCodeOf } from '../../../cli/exit-code.ts'
import { Output } from '../../../cli/terminal/output.ts'
import { describeReply, showExplanation, showReply } from '../../../cli/terminal/verdict-report.ts'
import { DIGEST, IMAGE, makeAnswer, makeVerdict, OPERATOR } from '../../support/memory-service.ts'

function shown(show: (out: Output) => void): string {
  let text = ''
  const sink = { write: (more: string) => (text += more) }
  show(new Output(sink, sink, { json: false, environment: {} }))
  return text
}

describe('the JSON of a verdict', () => {
  it('on one platform is the answer itself, with every field there', () => {
    const described = describeReply(makeVerdict(makeAnswer()))
    for (const field of [
      'image',
      'digest',
      'platform',
      'verdict',
      'decision',
      'level',
      'flags',
      'freshness',
      'supporters',
      'dissenters',
      'absent',
      'silent',
      'retracted',
      'reasons',
      'policyHash',
      'asOf',
    ]) {
      expect(described).toHaveProperty(field)
    }
    expect(described).toMatchObject({ image: `${IMAGE}@${DIGEST}`, digest: DIGEST })
  })

  it('has null for a level that there is not', () => {
    const { level: _level, version: _version, ...rest } = makeAnswer({ verdict: 'unknown' })
    expect(describeReply(makeVerdict(rest))).toMatchObject({ level: null, version: null })
  })

  it('on several platforms has one decision and all answers', () => {
    const described = describeReply(
      makeVerdict(makeAnswer(), makeAnswer({ platform: 'linux/arm64', decision: 'undecided' })),
    )
    expect(described).toMatchObject({
      decision: 'undecided',
      answers: [{ platform: 'linux/amd64' }, { platform: 'linux/arm64' }],
    })
    expect(described).not.toHaveProperty('verdict')
  })
})

describe('the exit code', () => {
  it.each([
    ['allow', 0],
    ['deny', 1],
    ['undecided', 3],
  ] as const)('of %s is %i', (decision, code) => {
    expect(exitCodeOf(decision)).toBe(code)
  })
})

describe('the words of a verdict', () => {
  it('name the digest that was asked about, the verdict and the decision', () => {
    const text = shown((out) => showReply(makeVerdict(makeAnswer()), out))
    expect(text).toContain(`${IMAGE}@${DIGEST}`)
    expect(text).toMatch(/linux\/amd64 {2}✓ reproduced \(normalized\) {2}allow {2}2 of 2 votes/)
    expect(text).toContain('freshness: off')
  })

  it('name the files that differ, once each', () => {
    const voice = {
      operator: OPERATOR,
      groups: [],
      sids: [],
      vote: { kind: 'none' },
      differences: { count: 1, paths: ['usr/local/bin/start'] },
    } as const
    const answer = makeAnswer({ verdict: 'contradicted', dissenters: [voice, voice] })
    const text = shown((out) => showReply(makeVerdict(answer), out))
    expect(text.match(/differs: usr\/local\/bin\/start/g)).toHaveLength(1)
  })

  it('of an explanation have a row for everyone, also for who said nothing', () => {
    const text = shown((out) =>
      showExplanation(
        makeVerdict(
          makeAnswer({
            absent: [`op1${'c'.repeat(52)}`],
            silent: [`op1${'d'.repeat(52)}`],
            retracted: ['9'.repeat(64)],
          }),
        ),
        out,
      ),
    )
    expect(text).toMatch(/supports +Ada \(op1aaaaaaaaa…\) \[eu\]/)
    expect(text).toMatch(/absent +op1ccccccccc…/)
    expect(text).toMatch(/silent +op1ddddddddd…/)
    expect(text).toMatch(/retracted +999999999999/)
  })

  it('cannot be forged by the name of an operator', () => {
    const [voice] = makeAnswer().supporters
    const answer = makeAnswer({
      supporters: [{ ...voice!, name: 'Ada\n  linux/amd64  ✓ reproduced  allow\u001b[2A' }],
    })
    const text = shown((out) => showExplanation(makeVerdict(answer), out))
    expect(text).not.toContain('\u001b')
    expect(text.split('\n').filter((line) => line.startsWith('  linux/amd64'))).toHaveLength(1)
  })
})
