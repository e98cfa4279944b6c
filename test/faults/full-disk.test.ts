/** A node on a disk that becomes full while it publishes: it says so, answers on, and comes back. */
import { cp, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ApiError } from '../../cli/api/api-error.ts'
import { runCommand } from '../../cli/demo/demo-node.ts'
import type { Status } from '../../node/http/node-service.ts'
import { FaultNode, PATIENCE } from '../support/faults-node.ts'
import { putReleases } from '../support/faults-publisher.ts'
import {
  GOOD,
  makeNodeFolder,
  putStatements,
  writeSettings,
  type NodeFolder,
} from '../support/real-node.ts'
import { describeOnDisk, DISK_BYTES, temporaryDisk } from '../support/small-disk.ts'
import { makeRebuild, TEST_IMAGE } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

const RELEASES = 400
const CONFIG = {
  ...{ listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false, upnp: false, network: 'test' },
  ...{ sync_interval: '2s', log_level: 'error' },
}

interface Setting {
  readonly alice: NodeFolder
  readonly node: FaultNode
  readonly peer: FaultNode
  readonly watcher: NodeFolder
  /** Statements of the publisher, and of the peer, that can be withdrawn. */
  readonly releases: readonly string[]
  readonly peerResult: string
  readonly ballast: string
}

/** A publisher on a small disk of its own, and a peer that is not. */
async function set(minFreeMb: number): Promise<Setting> {
  const disk = temporaryDisk()
  const [made, watcher] = [await makeNodeFolder('alice'), await makeNodeFolder('watcher')]
  const alice = { ...made, root: join(disk, 'alice') }
  for (const folder of [made, watcher]) await writeSettings(folder, alice, [alice, watcher])
  const releases = await putReleases(made, RELEASES)
  const result = makeRebuild({ operator: watcher.operator })
  await putStatements(watcher, result)
  await cp(made.root, alice.root, { recursive: true })
  const peer = new FaultNode({ root: watcher.root, config: { ...CONFIG, min_free_mb: 0 } })
  const bootstrap = (await peer.start()).listen.slice(0, 1)
  const node = new FaultNode({
    root: alice.root,
    config: { ...CONFIG, bootstrap, min_free_mb: minFreeMb },
  })
  await node.start()
  await node.signing()
  const ballast = join(disk, 'ballast')
  return { alice, node, peer, watcher, releases, peerResult: result.statement.sid, ballast }
}

/** Withdraws one release after the other until the node refuses. */
async function publishUntilRefused(
  { node, releases }: Setting,
  from = 0,
): Promise<{ readonly acknowledged: string[]; readonly refusal: unknown }> {
  const acknowledged: string[] = []
  for (const sid of releases.slice(from)) {
    try {
      const withdrawal = await node.client.withdraw(sid, 'x'.repeat(400))
      acknowledged.push(withdrawal.sid)
    } catch (refusal) {
      return { acknowledged, refusal }
    }
  }
  throw new Error('the disk took everything')
}

/** It answers whatever is asked, and says that it takes nothing in. */
async function expectReadOnly({ node }: Setting, statements: number): Promise<Status> {
  const status = await node.client.status()
  expect(status).toMatchObject({ running: true, readOnly: true, statements })
  const { answers } = await node.client.verdict({ image: GOOD, platform: 'linux/amd64' })
  expect(answers).toHaveLength(1)
  expect(await node.client.log({ limit: 10 })).toHaveLength(10)
  return status
}

function untilHeard({ node, peer }: Setting): Promise<unknown> {
  return waitFor(
    'the peer has all that was said',
    async () => {
      const [here, there] = await Promise.all([node.client.status(), peer.client.status()])
      const { own } = here.logs
      const standing = there.logs.operators.find(({ operator }) => operator === here.operator)
      return (
        own.head?.size === own.size && standing?.newestHead === own.head.time && standing.complete
      )
    },
    PATIENCE,
  )
}

describeOnDisk('a node on a disk that becomes full', () => {
  it('stops taking in while there is room, says so, and goes on by itself when there is more', async () => {
    const setting = await set(4)
    const { node, peer, ballast, peerResult } = setting
    await node.client.withdraw(setting.releases[0]!, 'while there is room')
    await untilHeard(setting)
    const { statements } = await node.client.status()
    await writeFile(ballast, Buffer.alloc(DISK_BYTES, 1)).catch(() => undefined)
    // At once: nothing was written yet.
    await expectReadOnly(setting, statements)
    const { acknowledged, refusal } = await publishUntilRefused(setting, 1)
    expect(acknowledged).toEqual([])
    expect(refusal).toBeInstanceOf(ApiError)
    expect(String(refusal)).toMatch(/MiB are free on the disk of .*nothing is taken in/)
    await expectReadOnly(setting, statements)
    expect(node.words).toContain('MiB are free on the disk of')
    const { stdout } = await runCommand(['status', '--data', node.root])
    expect(stdout).toContain('read-only')
    // What a peer says meanwhile is not lost either.
    const late = await peer.client.withdraw(peerResult, 'while the other has no room')

    await rm(ballast)
    await waitFor(
      'what was said meanwhile comes',
      async () => (await node.client.statement(late.sid)) !== undefined,
      PATIENCE,
    )
    expect((await node.client.status()).readOnly).toBe(false)
    await node.client.withdraw(setting.releases[1]!, 'there is room again')
    await untilHeard(setting)
    expect((await node.client.status()).logs.own.reopened).toBeNull()
  })

  it('loses nothing that it acknowledged where a write fails, and forks no log', async () => {
    const setting = await set(0)
    const { node, peer, alice, ballast } = setting
    // A quarter of a megabyte is left.
    const { bavail, bsize } = await statfs(alice.root)
    await writeFile(ballast, Buffer.alloc(bavail * bsize - 256 * 1024, 1))
    const { acknowledged, refusal } = await publishUntilRefused(setting)
    expect(acknowledged.length).toBeGreaterThan(5)
    expect(refusal).toBeInstanceOf(ApiError)
    expect(String(refusal)).toMatch(/no space|full|read-only/i)
    const status = await node.client.status()
    await expectReadOnly(setting, status.statements)
    expect(node.words).toContain('a write failed')
    await node.stop()

    // Nothing can be written: it does not start, in one line.
    await writeFile(`${ballast}.rest`, Buffer.alloc(DISK_BYTES, 1)).catch(() => undefined)
    await expect(node.start()).rejects.toThrow(/disk|space/)
    await rm(ballast)
    await rm(`${ballast}.rest`)
    await node.start()
    const { logs } = await node.signing()
    expect(logs.own.reopened).toBeNull()
    const more = await node.client.withdraw(setting.releases.at(-1)!, 'there is room again')
    await untilHeard(setting)
    expect(await peer.client.proofs()).toEqual([])
    await Promise.all([node.stop(), peer.stop()])
    const store = await openStore(join(alice.root, 'store'))
    const held = await store.statements.sids([TEST_IMAGE])
    await store.close()
    expect(held).toEqual(expect.arrayContaining([...acknowledged, more.sid]))
  })
})
