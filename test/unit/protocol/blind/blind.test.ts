/** Blind votes over real logs: what earns the label, and each way of getting it by a lie. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { labelVotes } from '../../../../protocol/blind/label.ts'
import { opens } from '../../../../protocol/blind/reveal.ts'
import type { Rebuild } from '../../../../protocol/rebuild.ts'
import { explainAnswer } from '../../../../protocol/verdict/explain.ts'
import { BlindWorld } from '../../../support/blind-world.ts'
import {
  hexOf,
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  sign,
  type TestOperator,
} from '../../../support/statements.ts'

const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => makeOperator(name)) as [
  TestOperator,
  TestOperator,
  TestOperator,
]

/** Alice and Bob commit, open, and say of the published image that it is theirs. */
function honest() {
  const world = new BlindWorld()
  const [a, b] = [world.commit(alice), world.commit(bob)]
  const [openedA, openedB] = [world.open(a, [b]), world.open(b, [a])]
  const release = world.publish(world.logsOf(alice, bob))
  world.complete(alice, release, openedA)
  world.complete(bob, release, openedB)
  return { world, a, b, release }
}

describe('a vote', () => {
  it('is blind where its commitment came before publication and before all results of others', () => {
    const { world } = honest()
    expect(world.labels(alice, bob)).toEqual({ alice: 'blind', bob: 'blind' })
    expect(world.ask([alice, bob], 2)).toMatchObject({ verdict: 'reproduced', decision: 'allow' })
  })

  it('needs no label where the policy asks for none, and gets none without a commitment', () => {
    const world = new BlindWorld()
    const release = world.publish([])
    for (const operator of [alice, bob]) world.complete(operator, release)
    expect(world.labels(alice, bob)).toEqual({ alice: undefined, bob: undefined })
    expect(world.ask([alice, bob])).toMatchObject({ decision: 'allow' })
    const asked = world.ask([alice, bob], 1)
    expect(asked).toMatchObject({ verdict: 'reproduced', decision: 'undecided' })
    expect(asked.reasons).toContain('0 fresh supporters voted blind, and the policy asks for 1.')
  })

  it('is still blind where it is opened after publication', () => {
    const world = new BlindWorld()
    const [a, b] = [world.commit(alice), world.commit(bob)]
    const release = world.publish(world.logsOf(alice, bob))
    world.complete(alice, release, world.open(a, [b]))
    world.complete(bob, release, world.open(b, [a]))
    expect(world.labels(alice, bob)).toEqual({ alice: 'blind', bob: 'blind' })
  })

  it('is said to be blind in words', () => {
    const { world } = honest()
    const lines = explainAnswer(world.ask([alice, bob]))
    expect(lines.filter((line) => /: rebuilt .*, blind$/.test(line))).toHaveLength(2)
  })

  it('stands beside the one that completes it: one voice, no conflict, nothing taken back', () => {
    const { world } = honest()
    const answer = world.ask([alice, bob])
    expect(answer.supporters.map(({ sids }) => sids.length)).toEqual([2, 2])
    expect(answer).toMatchObject({ have: 2, dissenters: [], retracted: [] })
  })
})

describe('a lazy rebuilder (T5)', () => {
  it('is not blind where it commits after it has seen the result of another', () => {
    const world = new BlindWorld()
    const a = world.commit(alice)
    const openedA = world.open(a)
    // Carol reads what Alice got, commits to it, and names Alice's commitment as honest nodes do.
    const c = world.commit(carol)
    const openedC = world.open(c, [a])
    const release = world.publish(world.logsOf(alice, carol))
    world.complete(alice, release, openedA)
    world.complete(carol, release, openedC)
    expect(world.labels(alice, carol)).toEqual({ alice: 'blind', carol: 'not-first' })
    expect(world.ask([alice, carol], 2).decision).toBe('undecided')
    expect(world.ask([alice, carol], 1).decision).toBe('allow')
  })

  it('is not blind where the result that it has seen was taken back, or was never committed to', () => {
    const world = new BlindWorld()
    const first = world.say(alice, makeRebuild({ release: world.release, operator: alice }))
    const c = world.commit(carol)
    const openedC = world.open(c)
    const release = world.publish(world.logsOf(alice, carol))
    world.say(alice, makeRebuild({ release, operator: alice, supersedes: [first.statement.sid] }))
    world.complete(carol, release, openedC)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'not-first' })
  })

  it('is not blind where it commits to what was published', () => {
    const world = new BlindWorld()
    const release = world.publish([])
    const c = world.commit(carol)
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'not-listed' })
  })

  it('is not blind where its log is listed at a size that its commitment lies beyond', () => {
    const world = new BlindWorld()
    world.say(carol, makeRebuild({ operator: carol, release: makeRelease({ version: '0.9.0' }) }))
    const before = world.logsOf(carol)
    const c = world.commit(carol)
    const release = world.publish(before)
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'not-listed' })
  })

  it('is not blind where the size that is listed has another root', () => {
    const world = new BlindWorld()
    const c = world.commit(carol)
    const listed = world.logsOf(carol).map((log) => ({ ...log, root: hexOf('another root') }))
    const release = world.publish(listed)
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'not-listed' })
  })

  it('is not blind where another release of the input published without its log', () => {
    const world = new BlindWorld()
    world.publish([], { version: '1.0.0' })
    const c = world.commit(carol)
    const release = world.publish(world.logsOf(carol), { announced: 1 })
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'not-listed' })
  })

  it('cannot take the commitment of another for its own', () => {
    const world = new BlindWorld()
    const a = world.commit(alice)
    // The same hash, in a statement of its own, opened with the salt that Alice has shown.
    const stolen = world.say(carol, sign(a.statement.statement.body, carol))
    const openedA = world.open(a, [{ ...a, by: carol, statement: stolen }])
    const openedC = world.open({ ...a, by: carol, statement: stolen }, [a])
    const release = world.publish(world.logsOf(alice, carol))
    world.complete(alice, release, openedA)
    world.complete(carol, release, openedC)
    expect(world.labels(alice, carol)).toEqual({ alice: 'blind', carol: 'unopened' })
  })

  it('is not blind where it opens its commitment as something else', () => {
    const world = new BlindWorld()
    const c = world.commit(carol, { digest: 'a guess' })
    const good = makeRebuild({ release: world.release, operator: carol })
    const release = world.publish(world.logsOf(carol))
    world.complete(carol, release, world.open({ ...c, vote: good }))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'unopened' })
  })

  it('is not blind where it opens only one of several commitments', () => {
    const world = new BlindWorld()
    world.commit(carol, { digest: 'a guess', salt: hexOf('one') })
    const c = world.commit(carol, { salt: hexOf('two') })
    const release = world.publish(world.logsOf(carol))
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'unopened' })
  })

  it('is not blind where it opens several commitments to different things', () => {
    const world = new BlindWorld()
    const guess = world.commit(carol, { digest: 'a guess', salt: hexOf('one') })
    const c = world.commit(carol, { salt: hexOf('two') })
    world.open(guess)
    const release = world.publish(world.logsOf(carol))
    world.complete(carol, release, world.open(c))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'changed' })
  })

  it('is not blind where it takes back what it has opened and says the other thing', () => {
    const world = new BlindWorld()
    const c = world.commit(carol, { digest: 'a guess' })
    const opened = world.open(c)
    const release = world.publish(world.logsOf(carol))
    const supersedes = [opened.statement.sid]
    world.say(carol, makeRebuild({ operator: carol, release, supersedes }))
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'unopened' })
  })

  it('is not blind where it has committed to a failure and then copies', () => {
    const world = new BlindWorld()
    const c = world.commit(carol, { outcome: { kind: 'failed', stage: 'build', class: 'recipe' } })
    world.open(c)
    const release = world.publish(world.logsOf(carol))
    world.complete(carol, release)
    world.complete(alice, release)
    expect(world.labels(alice, carol)).toMatchObject({ carol: 'changed' })
  })

  it('is not blind where its result speaks of the published image', () => {
    const world = new BlindWorld()
    const early = world.publish([])
    const c = world.commit(carol, { release: early })
    world.open(c)
    world.complete(alice, early)
    world.publish(world.logsOf(carol), { announced: 1 })
    expect(world.labels(alice, carol)).toEqual({ alice: undefined, carol: 'names-image' })
  })

  it('is not blind where only this keeps it from being so', () => {
    const world = new BlindWorld()
    const { statement, vote, salt } = world.commit(carol, { release: world.publish([]) })
    const reveals = { commitment: statement.statement.sid, salt }
    const [operator, key] = [carol.id, carol.key.publicKey]
    const label = (body: Rebuild): unknown =>
      labelVotes({
        commitments: [{ ...statement.statement, operator }],
        results: [{ sid: hexOf('result'), key, operator, live: true, body }],
        publications: [{ sid: hexOf('publishing'), covers: () => true }],
        announcers: new Set(),
        crypto: nodeCrypto,
      }).get(operator)
    const { publishedDigest: _none, ...silent } = vote.statement.body
    expect(label({ ...silent, published: { unfetched: true }, reveals })).toBe('blind')
    expect(label({ ...vote.statement.body, reveals })).toBe('names-image')
    const named = { ...vote.statement.body, published: { unfetched: true as const }, reveals }
    expect(label(named)).toBe('names-image')
  })

  it('is not blind where it announces the project', () => {
    const { world } = honest()
    world.announcedBy(bob)
    expect(world.labels(alice, bob)).toEqual({ alice: 'blind', bob: 'announcer' })
  })
})

describe('whoever the policy does not name', () => {
  it('takes no label away and gets none', () => {
    const { world, a } = honest()
    const before = world.ask([alice, bob], 2)
    world.commit(carol)
    world.say(carol, makeRebuild({ release: world.release, operator: carol }))
    expect(a.by).toBe(alice)
    expect(world.ask([alice, bob], 2)).toEqual(before)
  })
})

describe('a commitment', () => {
  it('is opened by the one result, key and salt that it was made from', () => {
    const world = new BlindWorld()
    const { statement, vote, salt } = world.commit(alice)
    const reveals = { commitment: statement.statement.sid, salt }
    const body = { ...vote.statement.body, reveals }
    const key = alice.key.publicKey
    const opened = (changes: Partial<typeof body>, by = key): boolean =>
      opens({ ...body, ...changes }, by, statement.statement, nodeCrypto)
    expect(opened({})).toBe(true)
    expect(opened({ outcome: { kind: 'built', rebuilt: imageDigests('other') } })).toBe(false)
    expect(opened({ reveals: { ...reveals, salt: hexOf('another salt') } })).toBe(false)
    expect(opened({ reveals: { ...reveals, commitment: hexOf('another') } })).toBe(false)
    expect(opened({ release: hexOf('another release') })).toBe(false)
    expect(opened({ platform: 'linux/arm64' })).toBe(false)
    expect(opened({ inputDigest: hexOf('another input') })).toBe(false)
    expect(opened({ profile: 'rebuildnet/1;mtime=clamp:0' })).toBe(false)
    expect(opened({}, bob.key.publicKey)).toBe(false)
    const ofBob = { ...statement.statement, key: bob.key.publicKey }
    expect(opens(body, key, ofBob, nodeCrypto)).toBe(false)
  })
})
