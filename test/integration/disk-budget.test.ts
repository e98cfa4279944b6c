/** What a node lets go of to keep to its disk budget: real folders, logs and trees. */
import { appendFile, mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock, unixSeconds, type Clock } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { DiskBudget } from '../../node/disk-budget.ts'
import { makeShelves } from '../../node/disk-shelves.ts'
import { createLogger } from '../../node/logger.ts'
import type { JournalSubject } from '../../node/rebuild/build-journal.ts'
import type { QueueItem } from '../../node/rebuild/queue-item.ts'
import { withWorkFolder } from '../../node/rebuild/work-folder.ts'
import { Service } from '../../node/service/service.ts'
import { imageObjects } from '../../protocol/normalize/tree-object.ts'
import {
  assembleNode,
  buildProjects,
  builtAs,
  PLAIN_RECIPE,
  receive,
} from '../support/assembled-node.ts'
import { makeImage } from '../support/make-image.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { makeNodeFolder, writeSettings } from '../support/real-node.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  type TestOperator,
} from '../support/statements.ts'
import { keepImage } from '../support/tree-node.ts'

const KB = 1024
const HOUR = 3600

async function start(options: { clock?: Clock; trusted?: readonly TestOperator[] } = {}) {
  const { clock, trusted = [] } = options
  const alice = await makeNodeFolder('alice')
  const others = trusted.map((operator) => ({ ...alice, name: operator.name, operator }))
  await writeSettings(alice, alice, [alice, ...others], ['freshness = "off"'])
  await buildProjects(alice.root)
  const node = await assembleNode(alice.root, async () => builtAs('good'), clock)
  onTestFinished(() => node.stop())
  const { parts } = node
  const { folder } = parts
  const now = Date.now() / 1000
  /** A log of this many KiB that was last used so many hours ago; its digest. */
  const log = async (letter: string, size: number, hours: number): Promise<string> => {
    const path = join(folder.logs, `${letter.repeat(64)}.log`)
    await writeFile(path, Buffer.alloc(size * KB, letter))
    await utimes(path, now - hours * HOUR, now - hours * HOUR)
    return `sha256:${letter.repeat(64)}`
  }
  const leftBehind = async (name: string, size: number, hours: number): Promise<void> => {
    const path = join(folder.work, name)
    await mkdir(join(path, 'deep'), { recursive: true })
    await writeFile(join(path, 'deep', 'layer'), Buffer.alloc(size * KB, 1))
    await utimes(path, now - hours * HOUR, now - hours * HOUR)
  }
  const budget = (kilobytes: number): DiskBudget =>
    new DiskBudget(
      { shelves: makeShelves(parts), logger: createLogger('silent') },
      { maxBytes: kilobytes * KB },
    )
  const logs = async (): Promise<string> =>
    (await readdir(folder.logs))
      .map((name) => name[0])
      .sort()
      .join('')
  return { alice, node, parts, folder, log, leftBehind, budget, logs }
}

describe('a disk budget', () => {
  it('lets the longest unused go first, of whatever kind, and no more than it must', async () => {
    const { folder, log, leftBehind, budget, logs } = await start()
    await log('a', 100, 50)
    await log('b', 100, 30)
    await log('c', 100, 10)
    await leftBehind('dead-1', 100, 40)
    await leftBehind('dead-2', 100, 20)
    const before = await budget(1000).keep()
    expect(before).toMatchObject({ over: false, neededBytes: 0, gone: { items: 0, bytes: 0 } })
    expect(before.heldBytes).toBeGreaterThan(500 * KB)
    expect(await logs()).toBe('abc')
    const small = budget(350)
    const after = await small.keep()
    expect(await logs()).toBe('bc')
    expect(await readdir(folder.work)).toEqual(['dead-2'])
    expect(after).toMatchObject({ over: false, gone: { items: 2 } })
    expect(after.heldBytes + after.gone.bytes).toBe(before.heldBytes)
    expect(after.heldBytes).toBeLessThanOrEqual(350 * KB)
    expect(await small.keep()).toEqual(after)
    await budget(0).keep()
    expect(await logs()).toBe('bc')
  })

  it('never touches the folder of what is going on, nor what was used a moment ago', async () => {
    const { folder, log, leftBehind, budget, logs } = await start()
    await log('a', 50, 0)
    await leftBehind('dead', 50, 40)
    await withWorkFolder(folder.work, 'build-', async (path) => {
      await writeFile(join(path, 'layer'), Buffer.alloc(200 * KB, 1))
      const kept = await budget(1).keep()
      // What runs is no part of the budget: it has limits of its own.
      expect(kept).toMatchObject({ over: true, kinds: { work: 0, logs: 50 * KB } })
      expect(await readdir(path)).toEqual(['layer'])
    })
    expect(await readdir(folder.work)).toEqual([])
    expect(await logs()).toBe('a')
  })

  it('keeps logs that a result may yet name, and those of builds that are tried again', async () => {
    const { parts, folder, log, budget, logs } = await start()
    const logDigest = await log('a', 50, 90)
    await log('b', 50, 80)
    await log('c', 50, 1)
    const subject: JournalSubject = {
      ...{ id: 'x', added: 1, inputDigest: 'e'.repeat(64), profile: 'rebuildnet/1' },
      ...{ publishedDigest: null, builder: 'buildah 1' },
    }
    const built = builtAs('good')
    if (built.kind !== 'built') throw new Error('it was built')
    const { image: _, ...rest } = built
    await parts.journal.keep(subject, { started: 1, builds: [{ ...rest, logDigest }] })
    const item: QueueItem = {
      ...{ id: 'y', release: 'f'.repeat(64), image: 'registry.example/a', version: '1' },
      ...{ platform: 'linux/amd64', state: 'retrying', attempts: 1, stage: 'build', detail: '' },
      ...{ nextAttempt: null, added: 1, updated: 1, result: null },
      log: join(folder.logs, `${'b'.repeat(64)}.log`),
    }
    await parts.store.queue.put(item.id, item)
    await parts.queue.load()
    const kept = await budget(10).keep()
    expect(await logs()).toBe('ab')
    expect(kept).toMatchObject({ over: true, heldBytes: 100 * KB, neededBytes: 100 * KB })
    await parts.journal.drop('x')
    await budget(10).keep()
    expect(await logs()).toBe('b')
  })

  it('keeps the log and the trees of what is in dispute, and no tree that is not', async () => {
    const clock = new ManualClock(unixSeconds(systemClock))
    const bob = makeOperator('bob')
    const { alice, parts, log, budget, logs } = await start({ clock, trusted: [bob] })
    const [ours, other] = ['ours', 'other'].map((content) =>
      makeImage([[{ path: 'etc/motd', content }]]),
    )
    if (ours === undefined || other === undefined) throw new Error('two images were made')
    const { operator } = alice
    const release = makeRelease({ operator, recipe: PLAIN_RECIPE })
    const logDigest = await log('a', 50, 90)
    await log('b', 50, 80)
    const rebuilt = { ...imageDigests('bad'), normalizedDigest: ours.normalizedDigest }
    const outcome = { kind: 'built', rebuilt } as const
    await receive(parts, operator, release, makeRebuild({ operator, release, logDigest, outcome }))
    await receive(parts, bob, makeRebuild({ operator: bob, release }))
    expect(await parts.alerts.list({ open: true })).toMatchObject([{ kind: 'diverged' }])
    for (const image of [ours, other]) await keepImage(parts.trees, image)
    expect([...(await parts.trees.generations()).keys()]).toEqual([1, 2])
    clock.advance(HOUR)
    await budget(1).keep()
    expect(await logs()).toBe('a')
    expect([...(await parts.trees.generations()).keys()]).toEqual([1])
    // All of it is here, also what it had in common with the other.
    for (const { hash, kind } of imageObjects({ crypto: nodeCrypto }, ours)) {
      expect(await parts.trees.read(hash)).toMatchObject({ kind })
    }
  })

  it('is said in status, with what was let go of', async () => {
    const { alice, node, log } = await start()
    await node.stop()
    await appendFile(join(alice.root, 'config.toml'), '[disk]\nbudget_mb = 1\n')
    await log('a', 900, 50)
    await log('b', 900, 40)
    const again = await assembleNode(alice.root, async () => builtAs('good'))
    onTestFinished(() => again.stop())
    const service = new Service(again.parts)
    expect((await service.status()).disk).toMatchObject({
      budgetBytes: KB * KB,
      heldBytes: 1800 * KB,
      over: true,
    })
    await again.parts.disk.keep()
    expect((await service.status()).disk).toMatchObject({
      heldBytes: 900 * KB,
      over: false,
      gone: { items: 1, bytes: 900 * KB },
    })
  })
})
