import { describe, expect, it } from 'vitest'
import { decide } from '../../../../protocol/verdict/decide.ts'
import { explainAnswer } from '../../../../protocol/verdict/explain.ts'
import {
  FAILED,
  makeCard,
  makeInput,
  makePolicy,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  UNSTABLE,
} from '../../../support/verdict-cases.ts'
import { generateCase } from '../../../support/verdict-generator.ts'

const release = makeRelease()
const by = (name: string, spec: Partial<Parameters<typeof makeRebuild>[0]> = {}) =>
  makeRebuild({ by: name, release, ...spec })
const explain = (...args: Parameters<typeof makeInput>): string =>
  explainAnswer(decide(makeInput(...args))).join('\n')

describe('an explanation', () => {
  it('of an allow says who supports it, and that reproduced is not benign (T7)', () => {
    const policy = makePolicy([{ name: 'a', groups: ['eu'] }, 'b', 'c'])
    const text = explain([release, by('a'), by('b')], { policy })
    expect(text).toContain('ALLOW: reproduced')
    expect(text).toMatch(
      /For:\n {2}op1aaaaaaaa… \[eu\]: rebuilt .*; the published image is the same/,
    )
    expect(text).toContain('Have not voted: op1cccc')
    expect(text).toContain('Freshness is not checked')
    expect(text).toContain('It does not mean that the source is benign')
  })

  it('names those who said nothing as the user calls them', () => {
    const answer = decide(
      makeInput([release, by('a'), by('b')], { policy: makePolicy(['a', 'b', 'c']) }),
    )
    const lines = explainAnswer(answer, (id) =>
      id.startsWith('op1c') ? 'Carol\u001b[2J' : undefined,
    )
    expect(lines).toContain('Have not voted: Carol\u{fffd}[2J (op1cccccccc…)')
  })

  it('of a contradiction names the files that differ', () => {
    const differences = { count: 3, paths: ['usr/bin/tool', 'etc/passwd'] }
    const tampered = (name: string) => by(name, { built: 'clean', says: 'D', differences })
    const text = explain([release, tampered('a'), tampered('b')])
    expect(text).toContain('DENY: contradicted')
    expect(text).toContain('3 paths differ, the first is usr/bin/tool.')
    expect(text).toContain('      etc/passwd\n      and 1 more')
    expect(text).not.toContain('benign')
  })

  it('of a quarrel says who got what, who failed and what was taken back', () => {
    const dissent = by('e', { built: 'w' })
    const card = makeCard({ operator: 'f' })
    const statements = [
      release,
      card,
      by('a'),
      by('b'),
      by('f', { built: 'x' }),
      by('c', { outcome: UNSTABLE }),
      by('d', { outcome: FAILED }),
      dissent,
      makeWithdrawal('e', dissent.sid),
    ]
    const text = explain(statements, { policy: makePolicy(['a', 'b', 'c', 'd', 'e', 'f']) })
    expect(text).toContain('Against:\n  op1ffffffff…: rebuilt')
    expect(text).toContain('op1cccccccc…: its own two cold builds differ')
    expect(text).toContain('op1dddddddd…: the recipe fails (build)')
    expect(text).toContain(`Taken back, and was against: ${dissent.sid.slice(0, 12)}…`)
  })

  it('of what is pending says how many are missing', () => {
    expect(explain([release, by('a')])).toContain('1 of 2 needed operators agree so far.')
  })

  it('says what each flag means', () => {
    const newer = makeRelease({
      version: '2.0.0',
      commit: 'two',
      platforms: { 'linux/amd64': 'x' },
    })
    const withdrawal = makeWithdrawal('maker', release.sid)
    const text = explain([release, by('a'), by('b'), newer, withdrawal])
    expect(text).toContain('Flag withdrawn: the announcer has taken this release back.')
    expect(text).toContain('Flag superseded-release: a newer release is known.')
  })

  it('shows nothing of others that could move the cursor or turn text around (T20)', () => {
    const nasty = '\u001b[2J\u202e\u2028\u0007'
    const odd = makeRelease({ version: `1${nasty}` })
    const differences = { count: 1, paths: [`etc/${nasty}`] }
    const votes = ['a', 'b'].map((name) =>
      makeRebuild({ by: name, release: odd, built: 'clean', says: 'D', differences }),
    )
    const text = explain([odd, ...votes])
    expect(text).toContain('etc/')
    for (const each of nasty.replace('[2J', '')) expect(text).not.toContain(each)
  })

  it('has one line an item for whatever answer there is', () => {
    for (let seed = 0; seed < 300; seed++) {
      for (const line of explainAnswer(decide(generateCase(seed)))) {
        expect(line, `seed ${seed}`).toMatch(/^[^\n]+$/)
        expect(line, `seed ${seed}`).not.toMatch(/undefined|NaN|\[object/)
      }
    }
  })
})
