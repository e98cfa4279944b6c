/** A node that is killed at any step of a rebuild goes on with what is on its disk. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import type { QueueItem } from '../../node/rebuild/queue-item.ts'
import { buildProjects, PLAIN_RECIPE } from '../support/assembled-node.ts'
import { makeNodeFolder, putStatements, writeSettings } from '../support/real-node.ts'
import { imageDigests, makeRelease } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'

const NODE = fileURLToPath(new URL('queue-crash.child.ts', import.meta.url))

describe('a node that is killed', () => {
  it('at every step of a rebuild builds nothing twice that was kept, and says it once', async () => {
    const node = await makeNodeFolder('alice')
    await writeSettings(node, node, [node], ['freshness = "off"'])
    await buildProjects(node.root)
    const announced = unixSeconds(systemClock)
    const release = makeRelease({ operator: node.operator, announced, recipe: PLAIN_RECIPE })
    await putStatements(node, release)
    const steps = join(node.root, 'steps')
    const run = async (last: string): Promise<string[]> => {
      await writeFile(steps, '')
      const child = spawn(process.execPath, [NODE, node.root, steps, last], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      expect([code, signal], `until ${last}`).toEqual(last === '' ? [0, null] : [null, 'SIGKILL'])
      return (await readFile(steps, 'utf8')).trim().split('\n')
    }

    expect(await run('build 1 begins')).toEqual(['build 1 begins'])
    // Ended and not kept: it may be built again.
    expect(await run('build 1 ended')).toEqual(['build 1 begins', 'build 1 ended'])
    expect(await run('1 kept')).toEqual(['build 1 begins', 'build 1 ended', '1 kept'])
    // From here on the first build is never made again,
    expect(await run('build 2 begins')).toEqual(['build 2 begins'])
    expect(await run('build 2 ended')).toEqual(['build 2 begins', 'build 2 ended'])
    expect(await run('2 kept')).toEqual(['build 2 begins', 'build 2 ended', '2 kept'])
    // and from here on nothing is built.
    expect(await run('to be published')).toEqual(['to be published'])
    expect(await run('published')).toEqual(['to be published', 'published'])
    expect(await run('dropped')).toEqual(['dropped'])
    expect(await run('')).toEqual(['dropped', 'done with 0 builds'])

    const store = await openStore(join(node.root, 'store'))
    onTestFinished(() => store.close())
    const said = await store.statements.rebuildsOf(release.statement.sid)
    expect(said).toHaveLength(1)
    expect(said[0]?.body).toMatchObject({
      outcome: { kind: 'built', rebuilt: imageDigests('bad') },
      published: imageDigests('good'),
      differences: { count: 1, paths: ['usr/bin/app'] },
    })
    const [item] = (await store.queue.all()) as readonly QueueItem[]
    expect(item).toMatchObject({ state: 'done', result: said[0]?.sid })
    expect(said[0]?.body.started).toBeGreaterThanOrEqual(item?.added ?? Infinity)
    expect(await store.builds.all()).toEqual([])
  })
})
