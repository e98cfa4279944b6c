/** Statistics of a project, from statements in a real store, as a real node answers about them. */
import { expect, it, onTestFinished } from 'vitest'
import { Service } from '../../node/service/service.ts'
import { assembleNode, builtAs, PLAIN_RECIPE, receive } from '../support/assembled-node.ts'
import { makeNodeFolder, writeSettings } from '../support/real-node.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
  TEST_TIME,
} from '../support/statements.ts'

const HOUR = 3600

it('says when enough agreed, who did, and how long builds took', async () => {
  const alice = await makeNodeFolder('alice')
  const [bob, carol, stranger] = ['bob', 'carol', 'stranger'].map((name) => makeOperator(name))
  if (bob === undefined || carol === undefined || stranger === undefined) throw new Error('three')
  const trusted = [bob, carol].map((operator) => ({ ...alice, name: operator.name, operator }))
  await writeSettings(alice, alice, [alice, ...trusted], ['freshness = "off"'])
  const node = await assembleNode(alice.root, async () => builtAs('good'))
  onTestFinished(() => node.stop())
  const service = new Service(node.parts)
  const { operator } = alice
  const releaseOf = (version: string, announced: number) =>
    makeRelease({
      ...{ operator, version, announced, recipe: PLAIN_RECIPE },
      platforms: [
        { platform: 'linux/amd64', manifestDigest: imageDigests(`good ${version}`).manifestDigest },
      ],
    })
  const first = releaseOf('1', TEST_TIME)
  const second = releaseOf('2', TEST_TIME + 10 * HOUR)
  const foreign = makeRelease({ operator: stranger, version: '3', announced: TEST_TIME })
  const vote = (
    by: typeof bob,
    release: typeof first,
    [from, to]: readonly [number, number],
    digest = `good ${release.statement.body.version}`,
    more: object = {},
  ) =>
    makeRebuild({
      ...{ operator: by, release, digest, maps: `good ${release.statement.body.version}` },
      ...{ started: TEST_TIME + from, finished: TEST_TIME + to, ...more },
    })
  await receive(
    ...[node.parts, operator, first, second],
    ...[vote(operator, first, [60, 660]), vote(operator, second, [11 * HOUR, 11 * HOUR + 300])],
  )
  await receive(node.parts, bob, vote(bob, first, [60, 2 * HOUR]))
  const emulated = { ...vote(carol, first, [0, 1]).statement.body.environment, emulated: true }
  await receive(
    ...[node.parts, carol, vote(carol, first, [60, 3 * HOUR], 'bad')],
    vote(carol, second, [11 * HOUR, 15 * HOUR], 'good 2', { environment: emulated }),
  )
  await receive(node.parts, stranger, foreign, vote(stranger, first, [60, 61]))

  expect(await service.statistics({})).toEqual([
    {
      image: TEST_IMAGE,
      releases: { counted: 2, known: 2 },
      images: 2,
      // Of the first the second to agree was bob, after two hours; of the second emulated votes do not count.
      timeToQuorum: { count: 1, median: 2 * HOUR, p90: 2 * HOUR, longest: 2 * HOUR, open: 1 },
      agreement: { results: 4, agreed: 3, unanimous: 1 },
      operators: [
        { operator: operator.id, name: 'alice', agreed: 2, dissented: 0, unreproduced: 0 },
        { operator: bob.id, name: 'bob', agreed: 1, dissented: 0, unreproduced: 0 },
        { operator: carol.id, name: 'carol', agreed: 0, dissented: 1, unreproduced: 0 },
      ],
      buildTime: [
        {
          platform: 'linux/amd64',
          own: { count: 2, median: 300, p90: 600, longest: 600 },
          all: { count: 4, median: 600, p90: 10_740, longest: 10_740 },
          emulated: { count: 1, median: 4 * HOUR, p90: 4 * HOUR, longest: 4 * HOUR },
        },
      ],
    },
  ])
  expect(await service.statistics({ image: TEST_IMAGE, last: 1 })).toMatchObject([
    { releases: { counted: 1, known: 2 }, images: 1, timeToQuorum: { count: 0, open: 1 } },
  ])
  await expect(service.statistics({ image: 'registry.example/other' })).rejects.toMatchObject({
    code: 'not-followed',
  })
})
