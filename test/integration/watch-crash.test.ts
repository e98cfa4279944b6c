/** A node that is killed at any step of an announcement by its watcher makes it, and makes it once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { WatchedSetting } from '../support/watched-project.ts'

const NODE = fileURLToPath(new URL('watch-crash.child.ts', import.meta.url))

let registry: TestRegistry
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry.stop())

it('a tag that was seen is announced once, wherever the node dies between', async () => {
  const setting = await WatchedSetting.start(registry.host, 'team/app')
  await setting.watch('git_tags = "v*"')
  const steps = join(setting.node.root, 'steps')
  const look = async (last: string): Promise<string[]> => {
    await setting.stop()
    await writeFile(steps, '')
    const child = spawn(process.execPath, [NODE, setting.node.root, setting.image, steps, last], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect([code, signal], `until ${last}`).toEqual(last === '' ? [0, null] : [null, 'SIGKILL'])
    return (await readFile(steps, 'utf8')).trim().split('\n')
  }
  const announced = async () => (await setting.releases()).map(({ version }) => version)

  setting.repository.git('tag', 'v1')
  const before = ['to be announced', 'signed']
  expect(await look('to be announced')).toEqual(['to be announced'])
  expect(await announced()).toEqual([])
  // Signed, and on no disk: nobody has heard of it.
  expect(await look('signed')).toEqual(before)
  expect(await announced()).toEqual([])
  expect(await look('stored')).toEqual([...before, 'stored'])
  const [release] = await setting.releases()
  expect(release).toMatchObject({ version: '1' })
  // From here on it is not announced again, but noted.
  expect(await look('noted')).toEqual(['noted'])
  expect(await look('')).toEqual(['done'])

  setting.repository.git('tag', 'v2')
  expect(await look('announced')).toEqual([...before, 'stored', 'announced'])
  expect(await look('noted')).toEqual(['noted'])
  setting.repository.git('tag', 'v3')
  expect(await look('noted')).toEqual([...before, 'stored', 'announced', 'noted'])
  expect(await look('')).toEqual(['done'])

  expect((await announced()).sort()).toEqual(['1', '2', '3'])
  const { tags } = await setting.poll()
  expect(tags.map(({ tag, state }) => `${tag} ${state}`).sort()).toEqual([
    ...['v1 announced', 'v2 announced', 'v3 announced'],
  ])
  expect(tags.find(({ tag }) => tag === 'v1')?.sid).toBe(release?.sid)
  // The own log has each of them once, and was not forked by any of the deaths.
  const { logs } = await (await setting.service()).status()
  expect(logs.own).toMatchObject({ reopened: null })
})
