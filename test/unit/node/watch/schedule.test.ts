import { expect, it, onTestFinished } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { WatchSchedule, type WatchState } from '../../../../node/watch/schedule.ts'
import type { WatchedProject, WatchPorts } from '../../../../node/watch/watcher.ts'
import { parseProject } from '../../../../protocol/project.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { ManualTimers } from '../../../support/manual-timers.ts'
import { silentLogger } from '../../../support/silent-logger.ts'
import { temporaryStore } from '../../../support/temporary-store.ts'

const project = parseProject({
  format: 1,
  image: 'registry.example/app',
  platforms: ['linux/amd64'],
  source: 'git+https://git.example/app',
  announcers: [`op1${'a'.repeat(52)}`],
  recipe: { builders: [{ name: 'buildah' }] },
  watch: { git_tags: 'v*', interval: '15m' },
})
const watched: WatchedProject = { project, rules: project.watch! }

async function schedule(listGitTags: WatchPorts['listGitTags']) {
  const timers = new ManualTimers()
  const states: WatchState[] = []
  const unused = (): never => {
    throw new Error('not asked for')
  }
  const made = new WatchSchedule({
    ports: {
      listGitTags,
      readGitTag: unused,
      listRegistryTags: unused,
      readRegistryTag: unused,
      announce: unused,
    },
    store: await temporaryStore(),
    crypto: nodeCrypto,
    clock: new ManualClock(),
    logger: silentLogger,
    timers,
    random: () => 0.5,
    changed: async (state) => void states.push(state),
  })
  onTestFinished(() => made.stop())
  await made.update([watched])
  made.start()
  /** How long it waits now; `change` happens before the wait ends. */
  const next = async (change = (): void => undefined): Promise<number> => {
    const { milliseconds, wake } = await timers.sleeper(() => true)
    change()
    wake()
    return milliseconds / 1000
  }
  return { made, next, states }
}

it('looks at its interval, less and less often while it fails, and at its interval again', async () => {
  let fails = false
  const { next, states } = await schedule(async () => {
    if (fails) throw new Error('the forge is down')
    return []
  })
  expect(await next()).toBe(15)
  expect(await next(() => void (fails = true))).toBe(900)
  const pauses: number[] = []
  for (let n = 0; n < 5; n++) pauses.push(await next())
  pauses.push(await next(() => void (fails = false)))
  expect(pauses).toEqual([1800, 3600, 7200, 14_400, 21_600, 21_600])
  expect(states.at(-1)?.trouble).toBe('the forge is down')
  expect(await next()).toBe(900)
  expect(states.at(-1)?.trouble).toBeNull()
})

it('leaves a server alone for as long as it asks', async () => {
  const busy = Object.assign(new Error('too many requests'), { retryAfterSeconds: 86_400 })
  const { next } = await schedule(() => Promise.reject(busy))
  await next()
  expect(await next()).toBe(86_400)
})
