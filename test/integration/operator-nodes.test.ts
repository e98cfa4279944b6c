/** What becomes of votes when their operator changes keys, told by whole nodes to one another. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { dataFolder } from '../../node/data-folder.ts'
import type { RunningNode } from '../../node/node.ts'
import { loadOperatorIdentity } from '../../node/operator-identity.ts'
import { runHere } from '../support/command-line.ts'
import {
  ask,
  makeNodeFolder,
  prepareVotes,
  putStatements,
  startFolder,
  writeSettings,
  type NodeFolder,
} from '../support/real-node.ts'
import { makeRebuild, makeRelease } from '../support/statements.ts'
import { waitFor } from '../support/wait-for.ts'

async function makeFolders() {
  const folders = ['maintainer', 'ada', 'bob', 'user'].map((name) => makeNodeFolder(name))
  const [maintainer, ada, bob, user] = await Promise.all(folders)
  const all = [maintainer!, ada!, bob!, user!] as const
  for (const each of all) await writeSettings(each, maintainer!, [ada!, bob!])
  return all
}

async function operator({ root }: Pick<NodeFolder, 'root'>, ...argv: string[]): Promise<void> {
  const ran = await runHere([...argv, '--data', root])
  if (ran.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ran.stderr}`)
}

/** Waits until `node` knows a card of that version of the operator. */
function heardOf(node: RunningNode, { operator: { id } }: NodeFolder, version: number) {
  return waitFor(`card ${version} has come`, async () => {
    const known = await node.service.operators()
    return known.find((each) => each.id === id && each.version === version)
  })
}

test('a retired key: what stands in its log goes on counting, under a card that ends it there', async () => {
  const [maintainer, ada, bob, user] = await makeFolders()
  await prepareVotes(maintainer, [ada, bob])
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  const before = await startFolder(ada, [first.address])
  await startFolder(bob, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')
  const { own } = (await before.service.status()).logs
  await before.stop()

  await operator(ada, 'operator', 'rotate', '--yes')
  const after = await startFolder(ada, [first.address])
  expect((await after.service.status()).key).not.toBe(ada.identity.key.publicKey)
  // What was said with the old key is still its own: nothing is built twice for it.
  const said = await after.service.log({ limit: 100 })
  expect(said.map(({ kind }) => kind)).toContain('rebuild')
  const { revocations } = await heardOf(asker, ada, 2)
  expect(revocations).toMatchObject([{ origin: own.origin, size: own.size }])
  const answer = await waitFor('the user is allowed again', async () => {
    const now = await ask(asker)
    return now.decision === 'allow' && now
  })
  expect(answer).toMatchObject({ freshness: 'fresh', silent: [] })
})

test('a stolen key: nothing beyond the named end of its log counts any more', async () => {
  const [maintainer, ada, bob, user] = await makeFolders()
  await prepareVotes(maintainer, [ada, bob])
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  const before = await startFolder(ada, [first.address])
  await startFolder(bob, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')
  await before.stop()

  await operator(ada, 'operator', 'rotate', '--size', '0', '--yes')
  await startFolder(ada, [first.address])
  await heardOf(asker, ada, 2)
  const answer = await waitFor('the vote is gone', async () => {
    const now = await ask(asker)
    return now.have === 1 && now
  })
  expect(answer.decision).toBe('undecided')
})

test('two nodes of one operator have one vote between them', async () => {
  const [maintainer, ada, bob, user] = await makeFolders()
  const arm = { ...ada, root: `${ada.root}-arm` }
  const file = join(user.root, 'ada.card')
  const draft = join(user.root, 'draft')
  await operator(ada, 'card', file)
  await operator(arm, 'operator', 'join', file, '--draft', draft)
  await operator(ada, 'operator', 'sign', draft, '--yes')
  await operator(ada, 'card', file)
  await operator(arm, 'operator', 'import', file)
  await writeSettings(arm, maintainer, [ada, bob])
  const { key } = await loadOperatorIdentity(dataFolder(arm.root), nodeCrypto)

  const release = makeRelease({
    operator: maintainer.operator,
    announced: Math.floor(Date.now() / 1000),
  })
  await putStatements(maintainer, release)
  await putStatements(ada, makeRebuild({ operator: ada.operator, release }))
  await putStatements(arm, makeRebuild({ operator: { ...ada.operator, key }, release }))
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  await startFolder(ada, [first.address])
  await startFolder(arm, [first.address])
  const both = await waitFor('both votes have come', async () => {
    const now = await ask(asker)
    return now.supporters[0]?.sids.length === 2 && now
  })
  expect(both).toMatchObject({ have: 1, need: 2, decision: 'undecided' })
  expect(both.supporters).toHaveLength(1)

  await putStatements(bob, makeRebuild({ operator: bob.operator, release }))
  await startFolder(bob, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')
  await rm(file)
})
