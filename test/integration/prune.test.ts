/** What a whole node lets go of, and that it knows what it has not any more. */
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { Service } from '../../node/service/service.ts'
import {
  assembleNode,
  builtAs,
  buildProjects,
  PLAIN_RECIPE,
  receive,
} from '../support/assembled-node.ts'
import { makeNodeFolder, putStatements, writeSettings } from '../support/real-node.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_IMAGE } from '../support/statements.ts'

const OTHER = 'registry.example/project/other'
const DAY = 86_400

it('prunes what no verdict needs, builds nothing again for it, and keeps its own word', async () => {
  const bob = makeOperator('bob')
  const lurker = makeOperator('lurker')
  const alice = await makeNodeFolder('alice')
  const trusted = [alice, { ...alice, name: 'bob', operator: bob }]
  await writeSettings(alice, alice, trusted, ['freshness = "off"'])
  await buildProjects(alice.root)
  const announced = unixSeconds(systemClock) - 200 * DAY
  const { operator } = alice
  const release = makeRelease({ operator, announced, recipe: PLAIN_RECIPE })
  const foreign = makeRelease({ operator: bob, image: OTHER, announced })
  const noise = makeRelease({ operator: lurker, version: '6.6.6', announced })
  const vote = makeRebuild({ operator: bob, release, finished: announced + 60 })
  await putStatements(alice, release, noise)

  let builds = 0
  const node = await assembleNode(alice.root, async () => {
    builds++
    return builtAs('good')
  })
  onTestFinished(() => node.stop())
  const { parts, store } = node
  const service = new Service(parts)
  await receive(parts, bob, foreign, vote)
  await parts.enqueueKnown()
  await parts.queue.start()
  await expect.poll(() => parts.queue.list()[0]?.state).toBe('done')
  const question = {
    image: `${TEST_IMAGE}@${String(release.statement.body.platforms[0]?.manifestDigest)}`,
    platform: 'linux/amd64',
  }
  const ask = async () => {
    const { answers } = await service.verdict(question, new AbortController().signal)
    return answers.map((answer) => ({ ...answer, asOf: 0 }))
  }
  const before = await ask()
  expect(before[0]).toMatchObject({ verdict: 'reproduced', have: 2 })
  const log = join(parts.folder.logs, `${'a'.repeat(64)}.log`)
  await writeFile(log, 'old')
  await utimes(log, announced, announced)
  await writeFile(join(parts.folder.logs, `${'b'.repeat(64)}.log`), 'new')
  const own = await store.statements.ofKey(operator.key.publicKey)

  const planned = await service.prune({ dryRun: true, olderThan: 0 })
  expect(planned).toMatchObject({
    dryRun: true,
    statements: { strangers: 1, notFollowed: 1, cards: 0 },
    queueItems: 1,
    buildLogs: { files: 1, bytes: 3 },
  })
  expect(await store.statements.has(noise.statement.sid)).toBe(true)
  expect(await service.prune({ olderThan: 0 })).toEqual({ ...planned, dryRun: false })

  for (const gone of [noise, foreign]) {
    expect(await store.statements.has(gone.statement.sid)).toBe(false)
  }
  expect(await ask()).toEqual(before)
  expect(await store.statements.ofKey(operator.key.publicKey)).toEqual(own)
  expect(await readdir(parts.folder.logs)).toEqual([`${'b'.repeat(64)}.log`])
  // The book knows that bob's statement about the other project is listed, and not here.
  const [head] = parts.logs.book.heads().filter(({ origin }) => origin.operator === bob.id)
  expect([...parts.logs.book.missingBodies(head?.origin.text ?? '')]).toEqual([
    foreign.statement.sid,
  ])
  // What is done is not in the queue any more, and is not queued again.
  expect(parts.queue.list()).toEqual([])
  await parts.enqueueKnown()
  expect(parts.queue.list()).toEqual([])
  expect(builds).toBe(1)
  // It is taken in again where it comes again.
  await parts.take(foreign.bytes)
  await parts.logs.keeper.idle()
  expect([...parts.logs.book.missingBodies(head?.origin.text ?? '')]).toEqual([])
})
