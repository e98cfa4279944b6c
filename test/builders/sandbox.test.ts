/**
 * T15: what a build could do if its builder itself were turned against the machine.
 *
 * As Confinement runs it: users, processes, view and network of its own. Everything is tried twice,
 * outside too, where it must get through.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BuildLog } from '../../node/rebuild/build-log.ts'
import { runCommand } from '../../node/rebuild/command.ts'
import { Egress } from '../../node/rebuild/egress/egress.ts'
import { probeSandbox } from '../../node/rebuild/sandbox-probe.ts'
import { SYSTEM_PATH } from '../../node/rebuild/sandbox.ts'
import { giveTree } from '../../node/rebuild/source-tree.ts'
import { chooseUserRange } from '../../node/rebuild/user-range.ts'
import { missingTools } from '../../node/system/packages.ts'
import {
  attackOutside,
  canaryScript,
  createCanaryWorld,
  whatGotThrough,
  type CanaryWorld,
} from '../support/canaries.ts'

const needed = ['busybox', 'python3', 'unshare', 'mount', 'ip']
const missing = missingTools('test').filter(({ name }) => needed.includes(name))
// Needs these tools and root; never skipped in CI.
const runs = process.env.CI === 'true' || (missing.length === 0 && process.getuid?.() === 0)

describe.runIf(runs)(`T15: the sandbox (needs root and ${needed.join(', ')})`, () => {
  let world: CanaryWorld
  let folder: string
  beforeAll(async () => {
    world = await createCanaryWorld()
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-sandbox-'))
  })
  afterAll(async () => {
    await world.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('can be made whole on this machine', async () => {
    expect([...(await probeSandbox())].sort()).toEqual([
      'egress',
      'network',
      'processes',
      'users',
      'view',
    ])
  })

  it('keeps out attacks that all get through without it', async () => {
    const script = canaryScript(world.skilled)
    const names = world.skilled.map(({ name }) => name)
    expect(whatGotThrough(await attackOutside(script))).toEqual(names)

    const work = join(folder, 'work')
    const root = join(folder, 'root')
    await Promise.all([mkdir(work), mkdir(root)])
    await writeFile(join(work, 'attack'), script)
    const ids = await chooseUserRange()
    await giveTree(work, ids ?? 0)
    const log = new BuildLog(join(folder, 'log'), 1 << 20)
    const resolve = () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }))
    const egress = await Egress.open(
      { log, resolve },
      { policies: [{ hosts: undefined, insecure: [] }], maxBytes: 1 << 20 },
    )
    try {
      const result = await runCommand(['sh', join(work, 'attack')], {
        cwd: work,
        env: { PATH: SYSTEM_PATH },
        timeoutMs: 100_000,
        signal: new AbortController().signal,
        log,
        keepOutput: true,
        sandbox: { root, writable: [work], readable: [], network: egress.network, ids: ids ?? 0 },
      })
      expect(result.tail).toBe('')
      expect(result.output).toBe(`TRIED ${names.length}\n`)
    } finally {
      await egress.close()
      log.close()
    }
  })
})
