/** One cell: who votes what, and the verdict and decision that follow. */
import { describe, expect, it } from 'vitest'
import type { Answer } from '../../../../protocol/verdict/answer.ts'
import { decide } from '../../../../protocol/verdict/decide.ts'
import {
  D,
  digests,
  DISK_FULL,
  FAILED,
  hex,
  IMAGE,
  keyOf,
  makeCard,
  makeInput,
  makePolicy,
  makeProject,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  manifest,
  MIRROR,
  normalized,
  NOW,
  operatorId,
  PLATFORM,
  UNSTABLE,
} from '../../../support/verdict-cases.ts'

const release = makeRelease()
const by = (name: string, spec: Partial<Parameters<typeof makeRebuild>[0]> = {}) =>
  makeRebuild({ by: name, release, ...spec })
const names = (voices: Answer['supporters']): string[] =>
  voices.map(({ operator }) => operator.slice(3, 4))
const ids = (...letters: string[]): string[] => letters.map(operatorId)

describe('the verdict', () => {
  it('is reproduced, at the strongest level that holds, when k operators rebuilt what was published', () => {
    const answer = decide(makeInput([release, by('a'), by('b')]))
    expect(answer).toMatchObject({
      image: IMAGE,
      digest: D,
      platform: PLATFORM,
      version: '1.0.0',
      release: release.sid,
      verdict: 'reproduced',
      decision: 'allow',
      level: 'exact',
      flags: [],
      freshness: 'unchecked',
      have: 2,
      need: 2,
      dissenters: [],
      unreproduced: [],
      absent: ids('c'),
      silent: [],
      retracted: [],
      asOf: NOW,
    })
    expect(names(answer.supporters)).toEqual(['a', 'b'])
    expect(answer.policyHash).toBe(makePolicy(['a', 'b', 'c']).hash)
  })

  it('is contradicted when the rebuilders agree with one another and not with the registry (T8)', () => {
    const differences = { count: 1, paths: ['usr/bin/tool'] }
    const tampered = (name: string) => by(name, { built: 'clean', says: 'D', differences })
    const answer = decide(makeInput([release, tampered('a'), tampered('b'), tampered('c')]))
    expect(answer).toMatchObject({ verdict: 'contradicted', decision: 'deny', have: 3 })
    expect(answer.supporters[0]).toMatchObject({
      vote: { kind: 'digest', digest: normalized('clean') },
      maps: normalized('D'),
      differences,
    })
    expect(answer.reasons.join(' ')).toContain('usr/bin/tool')
  })

  it('is contradicted when k report the same normalization error for the published image', () => {
    const broken = (name: string, error: string) => by(name, { published: { error } })
    const same = [broken('a', 'whiteout'), broken('b', 'whiteout')]
    expect(decide(makeInput([release, ...same]))).toMatchObject({
      verdict: 'contradicted',
      decision: 'deny',
    })
    const other = [broken('a', 'whiteout'), broken('b', 'bomb')]
    expect(decide(makeInput([release, ...other]))).toMatchObject({
      verdict: 'pending',
      why: ['unmapped'],
    })
  })

  it('is not contradicted by fewer than k that map it elsewhere', () => {
    const answer = decide(makeInput([release, by('a'), by('b'), by('c', { says: 'w' })]))
    expect(answer).toMatchObject({ verdict: 'reproduced', decision: 'allow', have: 3 })
  })

  it('is diverged when the rebuilders do not agree', () => {
    const answer = decide(makeInput([release, by('a'), by('b'), by('c', { built: 'w' })]))
    expect(answer).toMatchObject({ verdict: 'diverged', decision: 'deny' })
    expect(names(answer.dissenters)).toEqual(['c'])
  })

  it('bears max_dissent dissenters and no more', () => {
    const policy = makePolicy(['a', 'b', 'c', 'd'], { max_dissent: 1 })
    const three = [release, by('a'), by('b'), by('c', { built: 'w' })]
    expect(decide(makeInput(three, { policy }))).toMatchObject({ decision: 'allow' })
    const four = [...three, by('d', { built: 'z' })]
    expect(decide(makeInput(four, { policy }))).toMatchObject({ verdict: 'diverged' })
  })

  it('counts a rebuild that cannot be normalized as dissent', () => {
    const error = { error: 'layer-too-large' }
    const outcome = { kind: 'built' as const, rebuilt: digests('x', error) }
    const answer = decide(makeInput([release, by('a'), by('b'), by('c', { outcome })]))
    expect(answer).toMatchObject({ verdict: 'diverged', decision: 'deny' })
    expect(answer.dissenters[0]?.vote).toEqual({ kind: 'error', code: 'layer-too-large' })
  })

  it('is unreproducible when k report unstable builds, failing recipes or contradict themselves', () => {
    const unstable = by('a', { outcome: UNSTABLE })
    const failed = by('b', { outcome: FAILED })
    const answer = decide(makeInput([release, unstable, failed]))
    expect(answer).toMatchObject({ verdict: 'unreproducible', decision: 'deny', have: 0 })
    expect(answer.unreproduced.map(({ vote }) => vote)).toEqual([
      { kind: 'unstable' },
      { kind: 'failed', stage: 'build' },
    ])
    const conflict = [by('b', { built: 'v1' }), by('b', { built: 'v2' })]
    expect(decide(makeInput([release, unstable, ...conflict]))).toMatchObject({
      verdict: 'unreproducible',
    })
  })

  it('needs more support than unstable and failed, unless the policy does not count them', () => {
    const statements = [
      release,
      by('a'),
      by('b'),
      by('c', { outcome: UNSTABLE }),
      by('d', { outcome: FAILED }),
    ]
    const five = ['a', 'b', 'c', 'd']
    expect(decide(makeInput(statements, { policy: makePolicy(five) }))).toMatchObject({
      verdict: 'unreproducible',
    })
    const lenient = makePolicy(five, { count_unstable: false })
    expect(decide(makeInput(statements, { policy: lenient }))).toMatchObject({ decision: 'allow' })
  })

  it('is pending with what is missing, and since when, while votes are few or do not speak of D', () => {
    const one = decide(makeInput([release, by('a')]))
    expect(one).toMatchObject({
      verdict: 'pending',
      decision: 'undecided',
      have: 1,
      need: 2,
      since: release.body.announced,
      why: ['votes-missing'],
      absent: ids('b', 'c'),
    })
    const unfetched = { unfetched: true } as const
    const unmapped = [by('a', { published: unfetched }), by('b', { published: unfetched })]
    expect(decide(makeInput([release, ...unmapped]))).toMatchObject({
      verdict: 'pending',
      have: 2,
      why: ['unmapped'],
    })
    expect(decide(makeInput([release]))).toMatchObject({ verdict: 'pending', have: 0 })
  })

  it('is unknown without a release, a followed project or an operator to ask', () => {
    const statements = [release, by('a'), by('b')]
    const unknown = { verdict: 'unknown', decision: 'undecided', flags: [] }
    expect(decide(makeInput([]))).toMatchObject(unknown)
    expect(decide(makeInput(statements, { projects: [] }))).toMatchObject(unknown)
    expect(decide(makeInput(statements, { policy: makePolicy([]) }))).toMatchObject(unknown)
    const arm = { repository: IMAGE, digest: D, platform: 'linux/arm64' }
    expect(decide(makeInput(statements, { question: arm }))).toMatchObject(unknown)
  })

  it('is pending for a digest that no release published, whatever is known of others', () => {
    const question = { repository: IMAGE, digest: manifest('other'), platform: PLATFORM }
    const quarrel = [release, by('a'), by('b', { built: 'w' })]
    expect(decide(makeInput(quarrel, { question }))).toMatchObject({
      verdict: 'pending',
      decision: 'undecided',
      why: ['unmapped'],
    })
  })
})

describe('a vote', () => {
  it('that contradicts itself supports nothing and is dissent', () => {
    const statements = [release, by('a'), by('b'), by('c'), by('c', { built: 'w' })]
    const answer = decide(makeInput(statements))
    expect(answer).toMatchObject({ verdict: 'diverged', have: 2 })
    expect(answer.dissenters[0]?.vote).toEqual({
      kind: 'self-conflict',
      digests: [normalized('D'), normalized('w')].sort(),
    })
  })

  it('said twice is one vote (T3)', () => {
    expect(decide(makeInput([release, by('a'), by('a')]))).toMatchObject({
      verdict: 'pending',
      have: 1,
    })
  })

  it('of an operator with two keys is one vote', () => {
    const card = makeCard({ operator: 'f', keys: [keyOf('f'), keyOf('f2')] })
    const policy = makePolicy(['f', 'a'])
    const twice = [by('f'), by('f', { key: keyOf('f2') })]
    const answer = decide(makeInput([release, card, ...twice], { policy }))
    expect(answer).toMatchObject({ verdict: 'pending', have: 1 })
    expect(answer.supporters[0]?.sids).toHaveLength(2)
  })

  it('of a stranger counts for nothing, however many there are (T3)', () => {
    const sybils = Array.from({ length: 100 }, (_, i) => by(`sybil ${i}`))
    expect(decide(makeInput([release, by('a'), ...sybils]))).toMatchObject({
      verdict: 'pending',
      have: 1,
    })
  })

  it('on another input, subject or unknown release is not tallied', () => {
    const flaws = [
      { inputDigest: hex('other input') },
      { publishedDigest: manifest('other') },
      { release: hex('unknown release') },
      { commit: hex('other commit').slice(0, 40) },
      { profile: 'rebuildnet/1;drop=x' },
    ]
    for (const override of flaws) {
      expect(decide(makeInput([release, by('a'), by('b', { override })]))).toMatchObject({
        have: 1,
      })
    }
  })

  it('on an equal input meets those on another release of it, blind or not', () => {
    const blind = makeRelease({ platforms: { [PLATFORM]: undefined }, version: '1.0.0-blind' })
    const early = makeRebuild({ by: 'a', release: blind })
    const answer = decide(makeInput([release, blind, early, by('b')]))
    // The blind vote counts as a vote, and does not say what D is.
    expect(answer).toMatchObject({ verdict: 'pending', have: 2, why: ['unmapped'] })
    expect(decide(makeInput([release, blind, early, by('a'), by('b')]))).toMatchObject({
      decision: 'allow',
      have: 2,
    })
  })

  it('that failed for want of disk, network or memory is nothing', () => {
    const answer = decide(makeInput([release, by('a'), by('b'), by('c', { outcome: DISK_FULL })]))
    expect(answer).toMatchObject({ decision: 'allow', unreproduced: [], absent: ids('c') })
  })

  it('made under emulation is neither support nor dissent unless the policy says so', () => {
    const emulated = { emulated: true }
    const statements = [release, by('a'), by('b'), by('c', { built: 'w', ...emulated })]
    expect(decide(makeInput(statements))).toMatchObject({ decision: 'allow', dissenters: [] })
    const policy = makePolicy(['a', 'b', 'c'], { count_emulated: true })
    expect(decide(makeInput(statements, { policy }))).toMatchObject({ verdict: 'diverged' })
    const only = [release, by('a', emulated), by('b', emulated)]
    expect(decide(makeInput(only))).toMatchObject({ verdict: 'pending', flags: ['emulated-only'] })
    const counted = decide(makeInput(only, { policy }))
    expect(counted).toMatchObject({ decision: 'allow', flags: ['emulated-only'] })
    expect(counted.supporters[0]?.emulated).toBe(true)
  })

  it('and a report of instability by one operator count both', () => {
    const answer = decide(makeInput([release, by('a'), by('b'), by('b', { outcome: UNSTABLE })]))
    expect(answer).toMatchObject({ decision: 'allow', have: 2 })
    expect(names(answer.unreproduced)).toEqual(['b'])
  })
})

describe('what was taken back', () => {
  const dissent = by('c', { built: 'w' })

  it('is dead, and listed where it was dissent', () => {
    const better = by('c', { supersedes: [dissent.sid] })
    expect(decide(makeInput([release, by('a'), by('b'), dissent, better]))).toMatchObject({
      decision: 'allow',
      have: 3,
      retracted: [dissent.sid],
    })
    const withdrawn = makeWithdrawal('c', dissent.sid)
    expect(decide(makeInput([release, by('a'), by('b'), dissent, withdrawn]))).toMatchObject({
      decision: 'allow',
      have: 2,
      retracted: [dissent.sid],
      absent: ids('c'),
    })
  })

  it('stays dead when what superseded it is taken back too', () => {
    const support = by('b')
    const second = by('b', { built: 'w', supersedes: [support.sid] })
    const third = makeWithdrawal('b', second.sid)
    expect(decide(makeInput([release, by('a'), support, second, third]))).toMatchObject({
      verdict: 'pending',
      have: 1,
      retracted: [second.sid],
    })
  })

  it('can be taken back by its own operator alone', () => {
    const foreign = by('a', { supersedes: [dissent.sid] })
    const withdrawn = makeWithdrawal('b', dissent.sid)
    const stranger = makeWithdrawal('x', dissent.sid)
    const statements = [release, foreign, by('b'), dissent, withdrawn, stranger]
    expect(decide(makeInput(statements))).toMatchObject({ verdict: 'diverged', retracted: [] })
  })

  it('is not superseded by a result on another input', () => {
    const next = makeRelease({ commit: 'two', version: '2.0.0' })
    const other = makeRebuild({ by: 'c', release: next, supersedes: [dissent.sid] })
    const statements = [release, next, by('a'), by('b'), dissent, other]
    expect(decide(makeInput(statements))).toMatchObject({ verdict: 'diverged' })
  })
})

describe('the level', () => {
  const differing = { kind: 'built' as const, rebuilt: digests('rebuilt', normalized('D')) }

  it('is the strongest at which the image is reproduced', () => {
    const statements = [
      release,
      by('a', { outcome: differing }),
      by('b', { outcome: differing }),
      by('c'),
    ]
    expect(decide(makeInput(statements))).toMatchObject({ decision: 'allow', level: 'normalized' })
  })

  it('must be one that the policy accepts', () => {
    const policy = makePolicy(['a', 'b', 'c'], { accept: 'exact' })
    const statements = [release, by('a'), by('b', { outcome: differing })]
    expect(decide(makeInput(statements, { policy }))).toMatchObject({
      verdict: 'reproduced',
      level: 'normalized',
      decision: 'undecided',
      have: 2,
    })
    expect(decide(makeInput([release, by('a'), by('b')], { policy }))).toMatchObject({
      level: 'exact',
      decision: 'allow',
    })
  })

  it('is that of the flattened tree where the recipe allows several builders', () => {
    const several = makeRelease({ builders: [{ name: 'buildah' }, { name: 'docker' }] })
    const tree = (name: string, layers: string) =>
      makeRebuild({
        by: name,
        release: several,
        outcome: {
          kind: 'built',
          rebuilt: digests(name, normalized(layers), normalized('D')),
        },
      })
    const statements = [several, tree('a', 'overlay'), tree('b', 'vfs')]
    expect(decide(makeInput(statements))).toMatchObject({
      verdict: 'reproduced',
      level: 'rootfs',
      decision: 'undecided',
    })
    const policy = makePolicy(['a', 'b'], { accept: 'rootfs' })
    expect(decide(makeInput(statements, { policy }))).toMatchObject({ decision: 'allow' })
  })
})

describe('an announcement', () => {
  it('by someone whom the project file does not name changes nothing (T1)', () => {
    const foreign = makeRelease({ announcer: 'x' })
    const votes = ['a', 'b', 'c'].map((name) => makeRebuild({ by: name, release: foreign }))
    expect(decide(makeInput([foreign, ...votes]))).toMatchObject({ verdict: 'unknown' })
    const fork = makeRelease({ source: 'git+https://github.com/evil/tool' })
    const onFork = ['a', 'b', 'c'].map((name) => makeRebuild({ by: name, release: fork }))
    expect(decide(makeInput([fork, ...onFork]))).toMatchObject({ verdict: 'unknown' })
  })

  it('of an old digest under a new version is contradicted, and both are named (T2)', () => {
    const relabelled = makeRelease({ version: '2.0.0', commit: 'two' })
    const onNew = ['a', 'b'].map((name) =>
      makeRebuild({ by: name, release: relabelled, built: 'new', says: 'D' }),
    )
    const answer = decide(makeInput([release, by('a'), by('b'), relabelled, ...onNew]))
    expect(answer).toMatchObject({
      verdict: 'contradicted',
      decision: 'deny',
      version: '2.0.0',
      release: relabelled.sid,
    })
    expect(answer.reasons.join(' ')).toContain('1.0.0')
  })

  it('of another repository counts only where the policy maps to it', () => {
    const question = { repository: MIRROR, digest: D, platform: PLATFORM }
    const statements = [release, by('a'), by('b')]
    expect(decide(makeInput(statements, { question }))).toMatchObject({ verdict: 'unknown' })
    const policy = makePolicy(['a', 'b', 'c'], {
      image: [{ match: 'mirror.example/**', repository: IMAGE }],
    })
    expect(decide(makeInput(statements, { question, policy }))).toMatchObject({
      image: MIRROR,
      decision: 'allow',
    })
  })

  it('that is withdrawn denies, and does not hide a contradiction', () => {
    const withdrawal = makeWithdrawal('maker', release.sid)
    const good = [release, by('a'), by('b'), withdrawal]
    expect(decide(makeInput(good))).toMatchObject({
      verdict: 'reproduced',
      decision: 'deny',
      flags: ['withdrawn'],
    })
    const again = makeRelease({ version: '1.0.1' })
    expect(decide(makeInput([...good, again]))).toMatchObject({ decision: 'deny' })
    const bad = ['a', 'b'].map((name) => by(name, { built: 'clean', says: 'D' }))
    expect(decide(makeInput([release, ...bad, withdrawal]))).toMatchObject({
      verdict: 'contradicted',
    })
    const foreign = makeWithdrawal('a', release.sid)
    expect(decide(makeInput([release, by('a'), by('b'), foreign]))).toMatchObject({
      decision: 'allow',
    })
  })

  it('of a newer version is mentioned, and one that is withdrawn is not newer', () => {
    const newer = makeRelease({
      version: '1.1.0',
      commit: 'two',
      platforms: { [PLATFORM]: manifest('E') },
    })
    const statements = [release, by('a'), by('b'), newer]
    expect(decide(makeInput(statements))).toMatchObject({
      decision: 'allow',
      flags: ['superseded-release'],
    })
    const withdrawn = makeWithdrawal('maker', newer.sid)
    expect(decide(makeInput([...statements, withdrawn])).flags).toEqual([])
  })

  it('on which rebuilders disagree says nothing of a newer image', () => {
    const quarrel = ['a', 'b', 'c'].map((name) => by(name, { built: name }))
    const next = makeRelease({
      version: '2.0.0',
      commit: 'two',
      platforms: { [PLATFORM]: manifest('E') },
    })
    const votes = ['a', 'b'].map((name) =>
      makeRebuild({ by: name, release: next, built: 'E', says: 'E' }),
    )
    const question = { repository: IMAGE, digest: manifest('E'), platform: PLATFORM }
    const statements = [release, ...quarrel, next, ...votes]
    expect(decide(makeInput(statements, { question }))).toMatchObject({ decision: 'allow' })
    expect(decide(makeInput(statements))).toMatchObject({ verdict: 'diverged' })
  })

  it('under two project files with different profiles is two cells', () => {
    const profile = 'rebuildnet/1;drop=x'
    const projects = [makeProject(), makeProject({ profile })]
    const other = (name: string) =>
      by(name, {
        override: {
          profile,
          outcome: { kind: 'built', rebuilt: digests('D', normalized('v', profile)) },
          published: digests('D', normalized('w', profile)),
        },
      })
    const statements = [release, by('a'), by('b'), other('a'), other('b')]
    expect(decide(makeInput(statements, { projects }))).toMatchObject({ verdict: 'contradicted' })
    expect(decide(makeInput(statements))).toMatchObject({ decision: 'allow' })
  })
})

describe('groups', () => {
  it('must be as many as the policy asks for, each by an operator of its own (T17)', () => {
    const one = { name: 'a', groups: ['us', 'ngo'] }
    const rules = { min_groups: 2 }
    const statements = [release, by('a'), by('b')]
    const same = makePolicy([one, { name: 'b' }], rules)
    expect(decide(makeInput(statements, { policy: same }))).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      flags: ['insufficient-diversity'],
    })
    const two = makePolicy([one, { name: 'b', groups: ['us'] }], rules)
    expect(decide(makeInput(statements, { policy: two }))).toMatchObject({ decision: 'allow' })
  })

  it('and without blind votes that the policy asks for they never allow', () => {
    const policy = makePolicy(['a', 'b'], { min_blind: 1 })
    expect(decide(makeInput([release, by('a'), by('b')], { policy }))).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
    })
  })
})
