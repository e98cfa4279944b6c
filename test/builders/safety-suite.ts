/** What a recipe may try against the machine that builds it, and must not get (T15). */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Builder } from '../../node/rebuild/builder.ts'
import {
  attackOutside,
  canaryScript,
  createCanaryWorld,
  whatGotThrough,
  type CanaryWorld,
} from '../support/canaries.ts'
import { useBuilder } from './use-builder.ts'
import { findProcesses, readEntry, SHELL_BASE } from './workshop.ts'

export interface SafetyOptions {
  /** False for builders whose steps share the network of this machine, which doctor then says. */
  readonly ownNetwork: boolean
  /** Its steps are containers of runc: /dev/shm is small, and layers are packed as they are written. */
  readonly containers?: boolean
}

export function describeSafety(
  name: string,
  create: () => Builder,
  { ownNetwork, containers = false }: SafetyOptions,
): void {
  describe(`what the builder ${name} keeps from a recipe`, () => {
    const { workshop, build, fail, dockerfile } = useBuilder(create)
    let world: CanaryWorld
    beforeAll(async () => {
      world = await createCanaryWorld()
    })
    afterAll(() => world.stop())

    it('T15: keeps out attacks that all get through without it', async () => {
      const attacks = world.simple.filter((each) => ownNetwork || each.on !== 'network')
      const attack = canaryScript(attacks)
      expect(whatGotThrough(await attackOutside(attack))).toEqual(attacks.map((each) => each.name))
      const source = await workshop().makeSource({
        Dockerfile: `${SHELL_BASE}COPY attack /attack\nRUN sh /attack > /got\n`,
        attack,
      })
      const layout = await build(await workshop().makeJob(source))
      expect(readEntry(layout, 'got')).toBe(`TRIED ${attacks.length}\n`)
    })

    it('ends what a step leaves running, although the build succeeds', async () => {
      const marker = `6${String(Math.random()).slice(2, 10)}`
      const leave = `(setsid sh -c "(sleep ${marker} &)" > /dev/null 2>&1 < /dev/null &)`
      await build(await workshop().makeJob(await dockerfile(`RUN ${leave}; echo left\n`)))
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
    })

    it('holds a fork bomb', async () => {
      const marker = `5${String(Math.random()).slice(2, 10)}`
      const bomb = `bomb() { sleep ${marker} & bomb | bomb; }; bomb`
      const job = await workshop().makeJob(
        await dockerfile(`RUN ${bomb}\n`),
        {},
        { processes: 150 },
      )
      expect(await fail(job)).toMatchObject({
        code: 'too-many-processes',
        class: 'infrastructure',
      })
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
    })

    it('holds a hog of files in memory', async () => {
      const hog = 'dd if=/dev/zero of=/dev/shm/hog bs=1M count=600'
      const source = await dockerfile(`RUN ${hog}; stat -c %s /dev/shm/hog > /held\n`)
      const job = await workshop().makeJob(source, {}, { memoryBytes: 300 * 1024 ** 2 })
      if (containers) expect(readEntry(await build(job), 'held')).toBe(`${64 * 1024 ** 2}\n`)
      else expect(await fail(job)).toMatchObject({ code: 'out-of-memory', class: 'infrastructure' })
    })

    it('holds a filler of the disk with files that have nothing in them', async () => {
      const fill = 'i=0; while [ $i -lt 12000 ]; do : > $i; i=$((i+1)); done'
      const source = await dockerfile(`RUN mkdir /many && cd /many && ${fill}\n`)
      const job = await workshop().makeJob(source, {}, { diskBytes: 40 * 1024 ** 2 })
      expect(await fail(job)).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
    })

    it('holds a hole that becomes contents when it is packed', async () => {
      const source = await dockerfile('RUN dd if=/dev/zero of=/hole bs=1 count=1 seek=300M\n')
      // Room for the image of a builder that is one, and not for the hole.
      const job = await workshop().makeJob(source, {}, { diskBytes: 250 * 1024 ** 2 })
      // Packed as it is read, it never takes room; else it is over the limit.
      if (containers) await build(job)
      else expect(await fail(job)).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
    })

    it('holds a flooder of the log, until its time is up', async () => {
      // A daemon must be there before it can be flooded.
      const limits = { timeoutMs: containers ? 30_000 : 8000, logBytes: 200_000 }
      const job = await workshop().makeJob(await dockerfile('RUN yes flood\n'), {}, limits)
      expect(await fail(job)).toMatchObject({ code: 'build-timeout', class: 'infrastructure' })
      const log = await readFile(job.logFile, 'utf8')
      expect(log.length).toBeLessThan(200_200)
      expect(log).toMatch(/output cut here: \d+ bytes left out/)
    })
  })
}
