import { describe, expect, it } from 'vitest'
import { logFacts, operatorLogText, ownLogFacts } from '../../../cli/terminal/log-report.ts'
import type { Text } from '../../../cli/terminal/style.ts'
import { makeLogStatus, makeOperatorLog } from '../../support/memory-service.ts'

const plain = (text: Text): string => (typeof text === 'string' ? text : text.text)

describe('what is said of an operator', () => {
  it('is the age of its newest head, and whether everything under it is here', () => {
    expect(plain(operatorLogText(makeOperatorLog()))).toBe(
      'Ada (op1aaaaaaaaa…): newest head 2h old, everything under it is here',
    )
  })

  it('names what is missing, and how many statements', () => {
    const missing = makeOperatorLog({
      complete: false,
      missing: ['card', 'statements'],
      missingStatements: 3,
    })
    const text = plain(operatorLogText(missing))
    expect(text).toContain('the card that its head names is not here')
    expect(text).toContain('3 statements missing')
  })

  it('is one thing where nothing is here', () => {
    const nothing = {
      newestHead: null,
      ageSeconds: null,
      complete: false,
      missing: ['log'] as const,
    }
    expect(plain(operatorLogText(makeOperatorLog(nothing)))).toBe(
      'Ada (op1aaaaaaaaa…): no head is here',
    )
  })

  it('says that a head is too old for the policy, and of two histories nothing else', () => {
    expect(plain(operatorLogText(makeOperatorLog({ fresh: false })))).toContain('too old')
    const equivocation = { id: 'f'.repeat(64), kind: 'fork', origin: 'o', words: 'two roots' }
    expect(plain(operatorLogText(makeOperatorLog({ equivocation })))).toBe(
      'Ada (op1aaaaaaaaa…): told two histories (two roots; proof ffffffffffff)',
    )
  })
})

describe('what is said of the own log', () => {
  const facts = (own: Partial<ReturnType<typeof makeLogStatus>['own']>, clockBehind?: number) => {
    const status = makeLogStatus()
    return ownLogFacts({
      ...status,
      own: { ...status.own, ...own },
      clockBehind: clockBehind ?? null,
    })
      .map(([, value]) => plain(value))
      .join('\n')
  }

  it('is its number, its size and its head', () => {
    expect(facts({})).toBe('log 0, 3 entries, head of 2026-01-01 00:00')
  })

  it('says why none is signed, that it was begun anew, and that the clock is wrong', () => {
    expect(facts({ head: null, signing: false })).toContain('before a peer has said')
    const shared = 'another node signs with the key of this one: stop one of them'
    expect(facts({ shared: true })).toContain(shared)
    expect(facts({ shared: true })).not.toContain('no more heads')
    expect(facts({ shared: true, halted: true })).toContain(`no more heads are signed here`)
    const reopened = { n: 1, at: 1_767_225_600, why: 'a backup was restored' }
    expect(facts({ reopened })).toContain('log 1 was begun on 2026-01-01 00:00: a backup')
    expect(facts({}, 7 * 86_400)).toContain('behind by 7d')
  })

  it('says so where nobody is trusted', () => {
    expect(logFacts([]).map(([, value]) => plain(value))).toEqual(['nobody is trusted yet'])
  })
})
