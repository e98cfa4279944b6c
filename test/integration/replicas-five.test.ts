/** Seven volunteers of a project that asks for five builds: five begin at once, whoever they are. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { unixSeconds } from '../../node/clock.ts'
import type { QueueItem } from '../../node/rebuild/queue-item.ts'
import {
  assembleNode,
  builtAs,
  buildProjects,
  PLAIN_RECIPE,
  receive,
} from '../support/assembled-node.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { makeNodeFolder, writeSettings } from '../support/real-node.ts'
import { makeRebuild, makeRelease } from '../support/statements.ts'

const NAMES = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gus']
const RELEASES = 3

it('of seven nodes five build each input, the same five in the eyes of all, and not always the same', async () => {
  const clock = new ManualClock(unixSeconds({ now: () => Date.now() }))
  const folders = await Promise.all(NAMES.map((name) => makeNodeFolder(name)))
  const [announcer] = folders
  if (announcer === undefined) throw new Error('seven folders were made')
  const { operator } = announcer
  const announced = unixSeconds(clock)
  const old = makeRelease({ operator, announced, recipe: PLAIN_RECIPE, version: '1.0.0' })
  const releases = Array.from({ length: RELEASES }, (_, i) =>
    makeRelease({ operator, announced, recipe: PLAIN_RECIPE, version: `2.0.${i}` }),
  )
  const builders = new Map<string, string[]>()
  for (const folder of folders) {
    await writeSettings(folder, announcer, folders, ['freshness = "off"'])
    await buildProjects(folder.root)
    const file = join(folder.root, 'projects', 'app.toml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('[recipe]', 'replicas = 5\n[recipe]'))
    const node = await assembleNode(folder.root, async () => builtAs('good'), clock)
    onTestFinished(() => node.stop())
    const { parts } = node
    // All have voted on the project before, which is what makes them volunteers.
    for (const other of folders) {
      const finished = unixSeconds(clock)
      const vote = makeRebuild({ operator: other.operator, release: old, finished })
      const said = other === announcer ? [old, ...releases, vote] : [vote]
      await receive(parts, other.operator, ...said)
    }
    await parts.enqueueKnown()
    await parts.queue.start()
    for (const { statement } of releases) {
      const { version } = statement.body
      const find = () => parts.queue.list().find((each) => each.version === version)
      await expect.poll(() => isSettled(find()), { timeout: 60_000 }).toBe(true)
      const item = find()
      if (item?.state === 'done') {
        builders.set(version, [...(builders.get(version) ?? []), folder.name])
      } else {
        expect(item?.detail).toContain('5 others are to build it first')
        expect(item?.nextAttempt).toBe(announced + 6 * 3600)
      }
    }
  }
  for (const { statement } of releases) {
    expect(builders.get(statement.body.version), statement.body.version).toHaveLength(5)
  }
  expect(new Set([...builders.values()].map((names) => names.join())).size).toBeGreaterThan(1)
})

/** It was built, or looked at and left for later. */
function isSettled(item: QueueItem | undefined): boolean {
  return item !== undefined && (item.state === 'done' || item.nextAttempt !== null)
}
