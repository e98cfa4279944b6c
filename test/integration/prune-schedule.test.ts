/** A node that prunes by itself does so at its times, over restarts, and when the clock was set. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { assembleNode, builtAs } from '../support/assembled-node.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ManualTimers } from '../support/manual-timers.ts'
import { makeNodeFolder, putStatements, writeSettings } from '../support/real-node.ts'
import { makeOperator, makeRelease, TEST_TIME } from '../support/statements.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const OTHER = 'registry.example/project/other'

it('prunes each seven days, not at each start, and again where it failed', async () => {
  const alice = await makeNodeFolder('alice')
  await writeSettings(alice, alice, [alice], ['freshness = "off"'])
  await appendFile(join(alice.root, 'config.toml'), '[prune]\nevery = "7d"\nolder_than = "1d"\n')
  const bob = makeOperator('bob')
  const noise = (version: string) => makeRelease({ operator: bob, image: OTHER, version })
  await putStatements(alice, noise('1'), noise('2'))
  const clock = new ManualClock(TEST_TIME + 10 * DAY)

  const start = async () => {
    const node = await assembleNode(alice.root, async () => builtAs('good'), clock)
    const timers = new ManualTimers()
    node.parts.pruning.start(timers)
    let stopped: Promise<void> | undefined
    const stop = () => (stopped ??= node.parts.pruning.stop().then(() => node.stop()))
    onTestFinished(stop)
    /** The next wait, in seconds; its time passes. */
    const pass = async (): Promise<number> => {
      const { milliseconds, wake } = await timers.sleeper(() => true)
      clock.advance(milliseconds / 1000)
      wake()
      return milliseconds / 1000
    }
    const about = async () => (await node.store.statements.ofImage(OTHER)).length
    return { ...node, stop, pass, about, timers }
  }

  const first = await start()
  expect(await first.pass()).toBe(600)
  let passed = 0
  while ((await first.about()) > 0) passed += await first.pass()
  expect(passed).toBeGreaterThanOrEqual(7 * DAY)
  expect(passed).toBeLessThanOrEqual(7 * DAY + HOUR)
  await first.timers.sleeper(() => true)
  await first.stop()

  // Six days later it is started again: a day is left.
  await putStatements(alice, noise('3'))
  clock.advance(6 * DAY)
  const second = await start()
  expect(await second.pass()).toBe(600)
  passed = 600
  while ((await second.about()) > 0) passed += await second.pass()
  expect(passed).toBeGreaterThan(DAY - 2 * HOUR)
  expect(passed).toBeLessThanOrEqual(DAY + HOUR)

  // What fails is tried again within the hour.
  await second.timers.sleeper(() => true)
  const { pruning } = second.parts
  const prune = pruning.prune.bind(pruning)
  let failures = 0
  pruning.prune = async (options) => {
    if (failures++ === 0) throw new Error('the disk is full')
    return prune(options)
  }
  await second.store.statements.put(noise('4').bytes)
  passed = 0
  while ((await second.about()) > 0) passed += await second.pass()
  expect(failures).toBe(2)
  expect(passed).toBeGreaterThanOrEqual(7 * DAY)
  expect(passed).toBeLessThanOrEqual(7 * DAY + 2 * HOUR)
})
