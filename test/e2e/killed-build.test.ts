/**
 * A real node is ended by SIGKILL in the middle of real builds: nothing of them outlives it, it goes
 * on with what had ended, and says each result once.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NodeEvent } from '../../node/http/node-service.ts'
import { Cgroup } from '../../node/rebuild/cgroup.ts'
import { missingTools } from '../../node/system/packages.ts'
import { findProcesses } from '../builders/workshop.ts'
import { LoneMaintainer } from '../support/lone-maintainer.ts'
import { waitFor } from '../support/wait-for.ts'

const missing = missingTools('demo').map(({ name }) => name)
/** In the command line of what runs in the steps, and nowhere else on this machine. */
const MARK = `6.${String(process.pid)}1`

// Skipped only where the tools are neither installed nor installable: never in CI.
describe.skipIf(missing.length > 0)(
  `a node that is killed in a build (needs ${missing.join(', ') || 'nothing more'})`,
  () => {
    let lone: LoneMaintainer<'slow' | 'fails'>
    beforeAll(async () => {
      lone = await LoneMaintainer.start({
        dockerfiles: {
          slow: [`RUN sleep ${MARK} && echo slow > /slow`],
          fails: [`RUN sleep ${MARK}; echo this cannot work; false`],
        },
      })
    })
    afterAll(() => lone.stop())

    /** Builds that were begun, of this version, since the node was made. */
    async function begun(version: string): Promise<number> {
      const lines = (await readFile(join(lone.node.folder, 'node.log'), 'utf8')).split('\n')
      return lines.filter((text) => {
        if (!text.startsWith('{"type":"queue"')) return false
        const event = JSON.parse(text) as NodeEvent
        return (
          event.type === 'queue' &&
          event.data.version === version &&
          event.data.detail.startsWith('building with')
        )
      }).length
    }

    function untilSteps(what: string, ran: boolean): Promise<unknown> {
      return waitFor(what, async () => findProcesses(`sleep ${MARK}`).length > 0 === ran, {
        deadlineMs: 120_000,
      })
    }

    /** Files of the control groups that are there for what the node last had in its work folder. */
    async function groups(): Promise<readonly string[]> {
      const lists = folders.map(async (name) => (await Cgroup.left(name)).entrances)
      return (await Promise.all(lists)).flat()
    }
    let folders: readonly string[] = []

    async function killInBuild(): Promise<void> {
      await untilSteps('the step runs', true)
      await lone.node.kill()
      await untilSteps('nothing of it runs', false)
      folders = await readdir(join(lone.node.folder, 'work'))
      expect(folders).toHaveLength(1)
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(lone.node.folder)
      await lone.startNode()
    }

    it('builds again what had not ended, and says it once', async () => {
      expect((await lone.announce('1.0.0', lone.commits.slow)).exitCode).toBe(0)
      await killInBuild()
      const { result } = await lone.until('1.0.0', 'done')
      expect(await begun('1.0.0')).toBe(2)
      const said = await lone.published('rebuild')
      expect(said.map(({ sid }) => sid)).toEqual([result])
      expect(said[0]?.body).toMatchObject({ outcome: { kind: 'built' } })
      expect(await readdir(join(lone.node.folder, 'work'))).toEqual([])
      expect(await groups()).toEqual([])
    })

    it('does not build again what had, and was to be built once more before it is said', async () => {
      expect((await lone.announce('1.1.0', lone.commits.fails)).exitCode).toBe(0)
      await waitFor(
        'the first build has failed and the second runs',
        async () => (await begun('1.1.0')) === 2 && findProcesses(`sleep ${MARK}`).length > 0,
        { deadlineMs: 120_000 },
      )
      await killInBuild()
      const { result } = await lone.until('1.1.0', 'done')
      // Two of which the second was killed, and one in its place: not the first again.
      expect(await begun('1.1.0')).toBe(3)
      const said = (await lone.published('rebuild')).filter(({ sid }) => sid === result)
      expect(said).toHaveLength(1)
      expect(said[0]?.body).toMatchObject({ outcome: { kind: 'failed', class: 'recipe' } })
      expect(await lone.published('rebuild')).toHaveLength(2)
    })
  },
)
