import { describe, expect, it } from 'vitest'
import { exitCodeOf } from '../../../cli/exit-code.ts'
import { Output } from '../../../cli/terminal/output.ts'
import { describeReply, showExplanation, showReply } from '../../../cli/terminal/verdict-report.ts'
import { explainAnswer } from '../../../protocol/verdict/explain.ts'
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
    expect(text).toMatch(
      /linux\/amd64 {2}✓ reproduced \(normalized\) {2}allow {2}2 votes, 2 needed/,
    )
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

  it('do not name a file twice that a reason names', () => {
    const voice = {
      operator: OPERATOR,
      groups: [],
      sids: [],
      vote: { kind: 'none' },
      differences: { count: 1, paths: ['usr/local/bin/start'] },
    } as const
    const reasons = ['One path differs: usr/local/bin/start.']
    const answer = makeAnswer({ verdict: 'contradicted', dissenters: [voice], reasons })
    const text = shown((out) => showReply(makeVerdict(answer), out))
    expect(text.match(/usr\/local\/bin\/start/g)).toHaveLength(1)
  })

  it('say who is silent where the policy bears it, and what of them is missing', () => {
    const silent = [OPERATOR, `op1${'d'.repeat(52)}`]
    const answer = makeAnswer({ freshness: 'fresh', silent })
    const heard = {
      operator: OPERATOR,
      name: 'carol',
      newestHead: 1,
      ageSeconds: 60,
      complete: false,
      fresh: false,
      missing: ['statements'] as const,
      missingStatements: 1,
      equivocation: null,
    }
    const text = shown((out) => showReply({ ...makeVerdict(answer), logs: [heard] }, out))
    expect(text).toMatch(
      /2 silent: carol \(op1aaaaaaaaa…\) \(1 statement missing\), op1ddddddddd…, which your policy bears: what they said may be hidden from you\n/,
    )
    const none = shown((out) => showReply(makeVerdict(makeAnswer({ freshness: 'fresh' })), out))
    expect(none).not.toContain('silent')
  })

  it('say that the policy cannot be met, also where that is not why', () => {
    const warnings = ['unreachable: threshold is 5 and there is 1 operator']
    const reply = { ...makeVerdict(makeAnswer()), warnings }
    for (const show of [showReply, showExplanation]) {
      const text = shown((out) => show(reply, out))
      expect(text).toContain('your policy is unreachable: threshold is 5 and there is 1 operator')
    }
    expect(describeReply(reply)).toMatchObject({ warnings })
  })

  it('of an explanation say each thing once, name everyone, and give times as dates', () => {
    const answer = makeAnswer({
      absent: [`op1${'c'.repeat(52)}`],
      silent: [`op1${'d'.repeat(52)}`],
      retracted: ['9'.repeat(64)],
      asOf: 1_795_354_405,
    })
    const reply = { ...makeVerdict(answer), explanation: [explainAnswer(answer)] }
    const text = shown((out) => showExplanation(reply, out))
    for (const reason of answer.reasons) expect(text.split(reason)).toHaveLength(2)
    expect(text.split(DIGEST)).toHaveLength(2)
    expect(text).toMatch(/Ada \(op1aaaaaaaa…\) \[eu\]/)
    expect(text).toMatch(/Have not voted: op1cccccccc…/)
    expect(text).toMatch(/Silent: op1dddddddd…/)
    expect(text).toMatch(/taken back +999999999999/)
    expect(text).toContain('as of 2026-11-22 13:33 UTC')
    expect(text).not.toContain('1970')
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
