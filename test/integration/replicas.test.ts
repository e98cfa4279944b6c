/** Volunteers of a project that asks for so many builds share the work. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { unixSeconds } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { buildInputOf, inputDigestOf } from '../../protocol/input-digest.ts'
import { replicaOrder, replicaTurn } from '../../protocol/replica.ts'
import {
  assembleNode,
  builtAs,
  buildProjects,
  PLAIN_RECIPE,
  receive,
} from '../support/assembled-node.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { makeNodeFolder, putStatements, writeSettings } from '../support/real-node.ts'
import { makeOperator, makeRebuild, makeRelease } from '../support/statements.ts'

const HOUR = 3600
const bob = makeOperator('bob')
const carol = makeOperator('carol')

/** Alice's node, which trusts bob and carol, and a release of which `turn` says when it is hers. */
async function makeAlice(turn: number) {
  const clock = new ManualClock(unixSeconds({ now: () => Date.now() }))
  const alice = await makeNodeFolder('alice')
  const others = [bob, carol].map((operator) => ({ ...alice, name: operator.name, operator }))
  await writeSettings(alice, alice, [alice, ...others], ['freshness = "off"'])
  await buildProjects(alice.root)
  const file = join(alice.root, 'projects', 'app.toml')
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('[recipe]', 'replicas = 1\n[recipe]'),
  )
  const announced = unixSeconds(clock)
  const { operator } = alice
  const ids = [operator.id, bob.id, carol.id]
  // Versions are tried until one falls to her at this turn.
  const release = Array.from({ length: 200 }, (_, i) =>
    makeRelease({ operator, announced, recipe: PLAIN_RECIPE, version: `2.0.${i}` }),
  ).find(({ statement }) => {
    const input = inputDigestOf(buildInputOf(statement.body, 'linux/amd64'), nodeCrypto)
    return replicaTurn(replicaOrder(input, ids, nodeCrypto), operator.id, 1) === turn
  })!
  const old = makeRelease({ operator, announced, recipe: PLAIN_RECIPE, version: '1.0.0' })
  await putStatements(alice, old)
  let builds = 0
  const node = await assembleNode(
    alice.root,
    async () => {
      builds++
      return builtAs('good')
    },
    clock,
  )
  onTestFinished(() => node.stop())
  const { parts } = node
  const oldVote = (by: typeof bob, digest = 'good') =>
    makeRebuild({ operator: by, release: old, digest, finished: unixSeconds(clock) })
  await receive(parts, bob, oldVote(bob))
  await receive(parts, carol, oldVote(carol))
  const item = () =>
    parts.queue.list().find(({ version }) => version === release.statement.body.version)
  /** What the timer of the queue does. */
  const look = async () => {
    await parts.queue.stop()
    await parts.queue.start()
  }
  const begin = async () => {
    const { sid, body } = release.statement
    const { image, version } = body
    await parts.take(release.bytes)
    await parts.queue.start()
    await parts.queue.add({ release: sid, image, version, platform: 'linux/amd64' })
  }
  const vote = (by: typeof bob, digest = 'good') =>
    receive(parts, by, oldVote(by), makeRebuild({ operator: by, release, digest }))
  return { parts, clock, release, item, look, begin, vote, builds: () => builds }
}

describe('a project that asks for one build', () => {
  it('is built at once by the node whose turn it is', async () => {
    const { item, begin, builds } = await makeAlice(0)
    await begin()
    await expect.poll(() => item()?.state).toBe('done')
    expect(builds()).toBe(1)
  })

  it('is left to others first, and built after a time for each turn where they say nothing', async () => {
    const { item, begin, look, clock, builds } = await makeAlice(2)
    await begin()
    await expect.poll(() => item()?.stage).toBe('others first')
    const added = item()?.added ?? 0
    expect(item()).toMatchObject({ state: 'waiting', attempts: 0, nextAttempt: added + 12 * HOUR })
    clock.advance(12 * HOUR - 1)
    await look()
    expect(builds()).toBe(0)
    clock.advance(1)
    await look()
    await expect.poll(() => item()?.state).toBe('done')
    expect(builds()).toBe(1)
  })

  it('is left to others for good where enough have built it by then', async () => {
    const { item, begin, look, vote, clock, builds } = await makeAlice(1)
    await begin()
    await expect.poll(() => item()?.stage).toBe('others first')
    await vote(bob)
    clock.advance(6 * HOUR)
    await look()
    await expect.poll(() => item()?.state).toBe('done')
    expect(item()).toMatchObject({ result: null, stage: 'left to others' })
    expect(builds()).toBe(0)
  })

  it('is built where those others disagree, and where somebody asks for it', async () => {
    const quarrel = await makeAlice(1)
    await quarrel.vote(bob)
    await quarrel.vote(carol, 'bad')
    await quarrel.begin()
    await expect.poll(() => quarrel.item()?.state).toBe('done')
    expect(quarrel.builds()).toBe(1)

    const asked = await makeAlice(1)
    await asked.begin()
    await expect.poll(() => asked.item()?.stage).toBe('others first')
    const { sid, body } = asked.release.statement
    const { image, version } = body
    await asked.parts.queue.add({
      release: sid,
      image,
      version,
      platform: 'linux/amd64',
      asked: true,
    })
    await expect.poll(() => asked.item()?.state).toBe('done')
    expect(asked.builds()).toBe(1)
  })
})
