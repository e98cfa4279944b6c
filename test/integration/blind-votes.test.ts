/** Whole nodes that hold a promised result each, as after a build: they commit, and then say it. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import type { PromisedVote } from '../../node/blind-votes.ts'
import { makeNodeFolder, putStatements, startFolder, writeSettings } from '../support/real-node.ts'
import type { NodeFolder } from '../support/real-node.ts'
import { hexOf, makeCommitment, makeRebuild, makeRelease } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

/** The folder of a node that died after the salt was on the disk and before anything was published. */
async function leavePromise(folder: NodeFolder, release: ReturnType<typeof makeRelease>) {
  const { operator, root, name } = folder
  const salt = hexOf(`salt of ${name}`)
  const vote = makeRebuild({ operator, release })
  const committed = unixSeconds(systemClock)
  const commitment = makeCommitment(vote, { operator, salt, committed })
  const store = await openStore(join(root, 'store'))
  const promised: PromisedVote = {
    salt,
    vote: vote.statement.body,
    commitment: commitment.statement.body,
  }
  await store.blind.put('promised', promised, { sync: true })
  await store.close()
  await appendFile(join(root, 'config.toml'), 'blind_settle = "1s"\n')
  return commitment.statement.sid
}

test('two rebuilders commit over the network, and each says its result after the other has', async () => {
  const [maintainer, ada, bob] = await Promise.all(['maintainer', 'ada', 'bob'].map(makeNodeFolder))
  for (const each of [maintainer!, ada!, bob!]) {
    await writeSettings(each, maintainer!, [ada!, bob!])
  }
  const announced = unixSeconds(systemClock)
  const release = makeRelease({ operator: maintainer!.operator, published: undefined, announced })
  for (const each of [maintainer!, ada!, bob!]) await putStatements(each, release)
  const promises = [await leavePromise(ada!, release), await leavePromise(bob!, release)]

  const first = await startFolder(maintainer!)
  const one = await startFolder(ada!, [first.address])
  // Alone it has committed itself and waits.
  await waitFor('ada has committed', () => first.service.statement(promises[0]!))
  const kinds = async (node: typeof one): Promise<readonly string[]> =>
    (await node.service.log({ limit: 10 })).map(({ kind }) => kind)
  expect(await kinds(one)).not.toContain('rebuild')
  const two = await startFolder(bob!, [first.address])
  for (const [i, node] of [one, two].entries()) {
    const said = await waitFor('the result is said', async () =>
      (await node.service.log({ limit: 10 })).find(({ kind }) => kind === 'rebuild'),
    )
    expect(said.body).toMatchObject({
      reveals: { commitment: promises[i] },
      after: [promises[1 - i]],
    })
    await waitFor('others have it', () => first.service.statement(said.sid))
  }
  expect(await kinds(two)).toEqual(expect.arrayContaining(['commitment', 'rebuild']))
})
