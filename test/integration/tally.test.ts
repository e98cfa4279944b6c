import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { Tally, type TallyComponents } from '../../node/tally.ts'
import { parsePolicy } from '../../protocol/policy.ts'
import { parseProject } from '../../protocol/project.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { uncheckedView, type LogView } from '../../protocol/verdict/log-view.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
  TEST_TIME,
} from '../support/statements.ts'
import { temporaryStore } from '../support/temporary-store.ts'

const announcer = makeOperator('announcer')
const rebuilders = ['alice', 'bob', 'carol'].map((name) => makeOperator(name))

const policy = parsePolicy(
  { threshold: 2, freshness: 'off', operator: rebuilders.map(({ id }) => ({ id })) },
  nodeCrypto,
)
const project = parseProject({
  format: 1,
  image: TEST_IMAGE,
  platforms: ['linux/amd64'],
  source: 'git+https://git.example/project/app',
  announcers: [announcer.id],
  recipe: { builders: [{ name: 'buildah', version: '1.28' }] },
})

/** A tally over a real store; `arrive` is what the node does with each statement. */
async function makeTally(
  overrides: Partial<TallyComponents> = {},
  early: readonly (typeof announcer)[] = [announcer, ...rebuilders],
) {
  const store = await temporaryStore()
  const told: Answer[] = []
  const failures: unknown[] = []
  const tally = new Tally({
    statements: store.statements,
    policy: () => policy,
    projects: () => [project],
    incomplete: () => false,
    view: () => uncheckedView,
    now: () => TEST_TIME + 3600,
    crypto: nodeCrypto,
    changed: async (answer) => void told.push(answer),
    failed: (error) => failures.push(error),
    ...overrides,
  })
  const arrive = async (
    ...created: { bytes: Uint8Array; statement: Parameters<Tally['touch']>[0] }[]
  ) => {
    for (const { bytes, statement } of created) {
      await store.statements.put(bytes)
      tally.touch(statement)
    }
    await tally.idle()
  }
  for (const { card } of early) await arrive(card)
  return { store, tally, told, failures, arrive }
}

const release = makeRelease({ operator: announcer })
const question = {
  repository: TEST_IMAGE,
  digest: imageDigests('good').manifestDigest,
  platform: 'linux/amd64',
}
const vote = (operator: (typeof rebuilders)[number]) => makeRebuild({ operator, release })

describe('the tally', () => {
  it('tells each change of an answer once, as the votes come in', async () => {
    const { told, arrive } = await makeTally()
    await arrive(release)
    await arrive(vote(rebuilders[0]!))
    await arrive(vote(rebuilders[1]!), vote(rebuilders[1]!))
    expect(told.map(({ verdict, decision, have }) => [verdict, decision, have])).toEqual([
      ['pending', 'undecided', 0],
      ['pending', 'undecided', 1],
      ['reproduced', 'allow', 2],
    ])
  })

  it('asks again what a card changes that comes after the votes', async () => {
    const { told, arrive } = await makeTally({}, [])
    await arrive(release, vote(rebuilders[0]!), vote(rebuilders[1]!))
    expect(told.at(-1)).toMatchObject({ verdict: 'unknown' })
    await arrive(announcer.card, rebuilders[0]!.card, rebuilders[1]!.card)
    expect(told.at(-1)).toMatchObject({ verdict: 'reproduced', decision: 'allow' })
  })

  it("asks nothing again for a stranger's card, which no answer looks at", async () => {
    let asked = 0
    const now = (): number => {
      asked++
      return TEST_TIME + 3600
    }
    const { store, tally, arrive } = await makeTally({ now }, [announcer, rebuilders[0]!])
    await arrive(release, vote(rebuilders[0]!))
    asked = 0
    await arrive(makeOperator('mallory').card, makeOperator('trudy').card)
    expect(asked).toBe(0)
    // Together with one that counts: the stranger's is not taken for all of them.
    const together = [makeOperator('eve').card, rebuilders[1]!.card]
    for (const { bytes } of together) await store.statements.put(bytes)
    for (const { statement } of together) tally.touch(statement)
    await tally.idle()
    expect(asked).toBeGreaterThan(0)
  })

  it('gives the same answer as when it is asked', async () => {
    const { tally, told, arrive } = await makeTally()
    await arrive(release, vote(rebuilders[0]!), vote(rebuilders[1]!))
    expect(told.at(-1)).toEqual(await tally.answer(question))
  })

  it('allows nothing while statements may be missing', async () => {
    let incomplete = true
    const { tally, arrive } = await makeTally({ incomplete: () => incomplete })
    await arrive(release, vote(rebuilders[0]!), vote(rebuilders[1]!))
    const held = await tally.answer(question)
    expect(held).toMatchObject({ verdict: 'reproduced', decision: 'undecided' })
    expect(held.flags).toContain('stale')
    incomplete = false
    expect((await tally.answer(question)).decision).toBe('allow')
  })

  it('keeps an answer from one second to the next, and no longer than a head is fresh', async () => {
    const strict = parsePolicy(
      { threshold: 2, max_silent: 1, operator: rebuilders.map(({ id }) => ({ id })) },
      nodeCrypto,
    )
    const head = TEST_TIME + 100
    let [now, looks] = [head + 3600, 0]
    const view: LogView = {
      checked: true,
      isCounted: () => true,
      isBelow: () => false,
      isEquivocator: () => false,
      clockSuspect: false,
      completeUpTo: () => {
        looks++
        return head
      },
    }
    const { tally, arrive } = await makeTally({
      policy: () => strict,
      view: () => view,
      now: () => now,
    })
    await arrive(release, vote(rebuilders[0]!), vote(rebuilders[1]!))
    const first = await tally.answer(question)
    expect(first.decision).toBe('allow')
    const looked = looks
    for (const at of [head + 3601, head + strict.maxAgeSeconds - 1]) {
      now = at
      expect(await tally.answer(question)).toEqual({ ...first, asOf: at })
    }
    expect(looks).toBe(looked)
    now = head + strict.maxAgeSeconds
    expect(await tally.answer(question)).toMatchObject({ decision: 'undecided', asOf: now })
    // Nothing is known of a time before the one that was asked about.
    const late = looks
    now = head + 3600
    expect((await tally.answer(question)).decision).toBe('allow')
    expect(looks).toBeGreaterThan(late)
  })

  it('goes on after a listener failed', async () => {
    const { told, failures, arrive } = await makeTally({
      changed: async (answer) => {
        if (answer.have === 0) throw new Error('broken')
        told.push(answer)
      },
    })
    await arrive(release)
    expect(failures).toHaveLength(1)
    await arrive(vote(rebuilders[0]!))
    expect(told).toHaveLength(1)
  })
})
