/** What of the verdict depends on logs, heads and cards, shown with views that say what they please. */
import { describe, expect, it } from 'vitest'
import type { SignedStatement } from '../../../../protocol/statement.ts'
import { decide, type DecideInput } from '../../../../protocol/verdict/decide.ts'
import { explainAnswer } from '../../../../protocol/verdict/explain.ts'
import { uncheckedView } from '../../../../protocol/verdict/log-view.ts'
import {
  hex,
  keyOf,
  makeCard,
  makeInput,
  makePolicy,
  makeRebuild,
  makeRelease,
  makeView,
  makeWithdrawal,
  NOW,
  operatorId,
  UNSTABLE,
} from '../../../support/verdict-cases.ts'

const release = makeRelease()
const by = (name: string, spec: Partial<Parameters<typeof makeRebuild>[0]> = {}) =>
  makeRebuild({ by: name, release, ...spec })
const good: SignedStatement[] = [release, by('a'), by('b')]
const required = makePolicy(['a', 'b', 'c'], { freshness: 'required' })
const ask = (spec: Partial<DecideInput> = {}, statements = good) =>
  decide(makeInput(statements, { policy: required, ...spec }))

describe('freshness', () => {
  it('that one silent operator takes away is said in words', () => {
    const policy = makePolicy(['a', 'b', 'c'], { freshness: 'required', max_silent: 0 })
    const view = makeView({ time: NOW, times: { c: undefined } })
    expect(ask({ policy, view }).reasons).toContain(
      '1 operator is silent, and the policy bears none.',
    )
  })

  it('that is required and cannot be checked leaves it undecided, and says what to do', () => {
    const answer = ask({ view: uncheckedView })
    expect(answer).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      freshness: 'unchecked',
    })
    expect(answer.reasons.join(' ')).toContain('freshness = "off"')
  })

  it('that the policy waives is said in the answer', () => {
    const policy = makePolicy(['a', 'b', 'c'], { freshness: 'off' })
    expect(ask({ policy })).toMatchObject({ decision: 'allow', freshness: 'unchecked' })
    expect(ask({ policy, view: makeView() })).toMatchObject({ decision: 'allow', freshness: 'off' })
    const silent = makeView({ times: { a: undefined, b: undefined, c: undefined } })
    expect(ask({ policy, view: silent })).toMatchObject({ decision: 'allow', silent: [] })
  })

  it('of everybody allows', () => {
    expect(ask({ view: makeView() })).toMatchObject({
      decision: 'allow',
      freshness: 'fresh',
      absent: [operatorId('c')],
      silent: [],
    })
  })

  it('is lost at max_age, and with what is missing (T9)', () => {
    const age = 48 * 3600
    expect(ask({ view: makeView({ time: NOW - age + 1 }) }).decision).toBe('allow')
    expect(ask({ view: makeView({ time: NOW - age }) })).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      freshness: 'stale',
      flags: ['stale'],
      silent: ['a', 'b', 'c'].map(operatorId),
      absent: [],
    })
    expect(ask({ view: makeView({ times: { a: undefined, c: undefined } }) }).flags).toEqual([
      'stale',
    ])
  })

  it('may lack in max_silent operators, but k supporters must be fresh themselves', () => {
    const one = makeView({ times: { c: undefined } })
    expect(ask({ view: one })).toMatchObject({ decision: 'allow', silent: [operatorId('c')] })
    expect(explainAnswer(ask({ view: one })).join('\n')).toContain('but for 1 silent one, which')
    expect(explainAnswer(ask({ view: makeView() })).join('\n')).toContain('up to a recent time.')
    const supporter = makeView({ times: { b: undefined } })
    expect(ask({ view: supporter })).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      freshness: 'fresh',
      flags: [],
    })
    expect(ask({ view: supporter }, [...good, by('c')]).decision).toBe('allow')
  })

  it('does not come from heads that are dated ahead (T22)', () => {
    expect(ask({ view: makeView({ time: NOW + 600 }) }).decision).toBe('allow')
    expect(ask({ view: makeView({ time: NOW + 601 }) })).toMatchObject({ flags: ['stale'] })
    expect(ask({ view: makeView({ clockSuspect: true }) })).toMatchObject({
      decision: 'undecided',
      flags: ['clock-suspect'],
    })
  })

  it('ends with the card (however fresh the logs are)', () => {
    const card = makeCard({ operator: 'f', expires: NOW + 10 })
    const policy = makePolicy(['a', 'f'], { freshness: 'required' })
    const statements = [release, card, by('a'), by('f')]
    const view = makeView({ time: NOW })
    expect(ask({ policy, view, now: NOW + 9 }, statements).decision).toBe('allow')
    expect(ask({ policy, view, now: NOW + 10 }, statements)).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      silent: [operatorId('f')],
    })
  })
})

describe('a statement that is not in its log', () => {
  it('is shown and does not count', () => {
    const late = by('b')
    const view = makeView({ uncounted: [late.sid] })
    expect(ask({ view }, [release, by('a'), late])).toMatchObject({
      verdict: 'pending',
      have: 1,
      why: ['votes-missing', 'unlogged'],
      unlogged: [late.sid],
    })
  })

  it('is said to be whose, and that it would be against', () => {
    const dissent = by('c', { built: 'w' })
    const unstable = by('d', { outcome: UNSTABLE })
    const agreeing = by('e')
    const taken = by('f', { built: 'w' })
    const withdrawal = makeWithdrawal('f', taken.sid)
    const card = makeCard({ operator: 'f' })
    const late = [dissent, unstable, agreeing, taken]
    const view = makeView({ uncounted: late.map(({ sid }) => sid) })
    const asked = makePolicy(['a', 'b', 'c', 'd', 'e', 'f'])
    const operators = asked.operators.map((each) =>
      each.id === operatorId('c') ? { ...each, name: 'carol' } : each,
    )
    const policy = { ...asked, operators }
    const answer = ask({ view, policy }, [...good, card, ...late, withdrawal])
    expect(answer).toMatchObject({ verdict: 'reproduced', dissenters: [] })
    const against = Object.fromEntries(
      answer.unloggedVoices?.map((voice) => [voice.operator, voice.against]) ?? [],
    )
    expect(against).toEqual({
      [operatorId('c')]: true,
      [operatorId('d')]: true,
      [operatorId('e')]: false,
      [operatorId('f')]: false,
    })
    expect(answer.reasons).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^carol \(op1c+…\) has said otherwise, in a result that is not in its log yet, so it is not counted\.$/,
        ),
        expect.stringMatching(/^op1d+… has said otherwise/),
        expect.stringMatching(/^Not in a log yet, so not counted: what op1e+… and op1f+… said\.$/),
      ]),
    )
    const told = explainAnswer(answer)
    expect(told.find((line) => line.includes(dissent.sid.slice(0, 12)))).toMatch(
      /^ {2}carol \(op1c+…\): would be against/,
    )
  })

  it('is against the image also where nobody has voted', () => {
    const late = by('a', { built: 'clean', says: 'D' })
    const agreeing = by('b')
    const view = makeView({ uncounted: [late.sid, agreeing.sid] })
    const { unloggedVoices = [] } = ask({ view }, [release, late, agreeing])
    expect(unloggedVoices.find(({ sid }) => sid === late.sid)).toMatchObject({ against: true })
    expect(unloggedVoices.find(({ sid }) => sid === agreeing.sid)).toMatchObject({ against: false })
  })

  it('takes nothing back', () => {
    const dissent = by('c', { built: 'w' })
    const withdrawal = makeWithdrawal('c', dissent.sid)
    const better = by('c', { supersedes: [dissent.sid] })
    const view = makeView({ uncounted: [withdrawal.sid, better.sid] })
    expect(ask({ view }, [...good, dissent, withdrawal, better])).toMatchObject({
      verdict: 'diverged',
      retracted: [],
    })
  })

  it('announces nothing, and the answer is pending until it does', () => {
    const view = makeView({ uncounted: [release.sid] })
    expect(ask({ view })).toMatchObject({ verdict: 'pending', why: ['unlogged'] })
  })
})

describe('an equivocator', () => {
  it('supports nothing, is silent, and is named', () => {
    const view = makeView({ equivocators: ['b'] })
    const answer = ask({ view })
    expect(answer).toMatchObject({
      verdict: 'pending',
      have: 1,
      flags: ['equivocation'],
      silent: [operatorId('b')],
    })
    expect(answer.reasons.join(' ')).toContain('cannot both be true')
  })

  it('still dissents with every vote that it ever cast (T6)', () => {
    const dissent = by('c', { built: 'w' })
    const changed = by('c', { supersedes: [dissent.sid] })
    const view = makeView({ equivocators: ['c'] })
    expect(ask({ view }, [...good, dissent, changed])).toMatchObject({
      verdict: 'diverged',
      decision: 'deny',
    })
    expect(ask({ view }, [...good, by('c')])).toMatchObject({ verdict: 'reproduced' })
  })

  it('still reports that the build is unstable', () => {
    const policy = makePolicy(['a', 'b', 'c', 'd'], { freshness: 'required', max_silent: 1 })
    const statements = [...good, by('c', { outcome: UNSTABLE }), by('d', { outcome: UNSTABLE })]
    for (const equivocators of [[], ['c']]) {
      expect(ask({ policy, view: makeView({ equivocators }) }, statements)).toMatchObject({
        verdict: 'unreproducible',
      })
    }
  })

  it('cannot turn a contradiction into an allow by forking its log', () => {
    const policy = makePolicy(['a', 'b', 'c', 'd'], { freshness: 'required', max_silent: 1 })
    const statements = [...good, by('c', { says: 'w' }), by('d', { says: 'w' })]
    expect(ask({ policy, view: makeView() }, statements)).toMatchObject({
      verdict: 'contradicted',
      decision: 'deny',
    })
    const answer = ask({ policy, view: makeView({ equivocators: ['d'] }) }, statements)
    expect(answer).toMatchObject({ verdict: 'reproduced', decision: 'undecided' })
    expect(answer.reasons.join(' ')).toContain('had said otherwise')
  })
})

describe('operator cards', () => {
  const policy = makePolicy(['f', 'a'])
  const statements = [release, by('f'), by('a')]

  it('that list one key for two operators make it count for neither', () => {
    const cards = [
      makeCard({ operator: 'f', keys: [keyOf('f'), keyOf('shared')] }),
      makeCard({ operator: 'g', keys: [keyOf('shared')] }),
    ]
    const votes = [by('f', { key: keyOf('shared') }), by('a')]
    const both = makePolicy(['f', 'g', 'a'])
    expect(ask({ policy: both }, [release, ...cards, ...votes])).toMatchObject({ have: 1 })
    // An operator that nobody named cannot take a key out of the count.
    expect(ask({ policy }, [release, ...cards, ...votes])).toMatchObject({ decision: 'allow' })
  })

  it('of one version that differ make their operator support nothing until the policy pins one', () => {
    const cards = [makeCard({ operator: 'f' }), makeCard({ operator: 'f', word: 'other' })]
    expect(ask({ policy }, [...statements, ...cards])).toMatchObject({
      verdict: 'pending',
      have: 1,
      silent: [operatorId('f')],
    })
    const dissent = [release, by('a'), by('f', { built: 'w' }), ...cards]
    expect(ask({ policy }, dissent)).toMatchObject({ verdict: 'diverged' })
    const card = cards[0]?.body.cardDigest ?? ''
    const pinned = makePolicy([{ name: 'f', card }, 'a'])
    expect(ask({ policy: pinned }, [...statements, ...cards])).toMatchObject({ decision: 'allow' })
  })

  it('that the policy pins must be here', () => {
    const pinned = makePolicy([{ name: 'f', card: hex('elsewhere') }, 'a'])
    const answer = ask({ policy: pinned }, [...statements, makeCard({ operator: 'f' })])
    expect(answer).toMatchObject({ verdict: 'pending', have: 1 })
    expect(answer.reasons.join(' ')).toContain('pins')
  })

  it('that drop a key leave its votes as dissent only', () => {
    const cards = [
      makeCard({ operator: 'f' }),
      makeCard({ operator: 'f', version: 2, keys: [keyOf('f2')] }),
    ]
    expect(ask({ policy }, [...statements, ...cards])).toMatchObject({ have: 1 })
    const renewed = by('f', { key: keyOf('f2') })
    expect(ask({ policy }, [...statements, ...cards, renewed])).toMatchObject({
      decision: 'allow',
    })
    const dissent = [release, by('a'), by('f', { built: 'w' }), ...cards]
    expect(ask({ policy }, dissent)).toMatchObject({ verdict: 'diverged' })
  })

  it('that drop a key and say where its log ends stand by what is below', () => {
    const origin = `rebuildnet.dev/log/${operatorId('f')}/${keyOf('f')}/0`
    const cards = [
      makeCard({ operator: 'f' }),
      makeCard({
        operator: 'f',
        version: 2,
        keys: [keyOf('f2')],
        revocations: [{ origin, size: 1, root: hex('root') }],
      }),
    ]
    expect(ask({ policy }, [...statements, ...cards])).toMatchObject({ decision: 'allow' })
  })

  it('of a stranger who calls itself by a trusted name change nothing', () => {
    const first = makeCard({ operator: 'f' })
    const forged = { ...first.body, rootKey: { type: 'ed25519', key: hex('thief') } } as const
    const cards = [
      first,
      makeCard({ operator: 'f', version: 2, keys: [keyOf('x')], follows: forged }),
    ]
    expect(ask({ policy }, [...statements, ...cards])).toMatchObject({ decision: 'allow' })
    const votes = [release, by('a'), by('x')]
    expect(ask({ policy }, [...votes, ...cards])).toMatchObject({ have: 1 })
  })

  it('that are missing leave their operator silent', () => {
    expect(ask({ policy }, statements)).toMatchObject({ have: 1, silent: [operatorId('f')] })
  })
})
