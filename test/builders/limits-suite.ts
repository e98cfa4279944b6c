/** What no builder may let a recipe do: use more than its limits, outlive its build, see the host. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Builder } from '../../node/rebuild/builder.ts'
import { useBuilder } from './use-builder.ts'
import { findProcesses, readEntry } from './workshop.ts'

export function describeLimits(name: string, create: () => Builder): void {
  describe(`the limits of the builder ${name}`, () => {
    const { builder, workshop, build, fail, never, dockerfile } = useBuilder(create)

    it('stops at the time-out, with everything it had started', async () => {
      const marker = `7${String(Math.random()).slice(2, 10)}`
      const source = await dockerfile(`RUN setsid sleep ${marker} & sleep ${marker}\n`)
      const failed = await fail(await workshop().makeJob(source, {}, { timeoutMs: 5000 }))
      expect(failed).toMatchObject({ code: 'build-timeout', class: 'infrastructure' })
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
    })

    it('cuts a log that is too long, visibly, and keeps both its ends', async () => {
      const source = await dockerfile(
        'RUN yes line of noise | head -c 3000000; echo; echo last words\n',
      )
      const job = await workshop().makeJob(source, {}, { logBytes: 200_000 })
      const result = await builder().build(job, never)
      const log = await readFile(job.logFile, 'utf8')
      expect(result.kind).toBe('built')
      expect(log.length).toBeLessThan(200_100)
      expect(log).toMatch(/output cut here: \d+ bytes left out/)
      expect(log).toContain('line of noise')
      expect(log).toContain('last words')
    })

    it('calls a build at its memory limit infrastructure, even if it exits 0', async () => {
      const hog = 'dd if=/dev/zero of=/dev/null bs=700M count=1'
      const source = await dockerfile(`RUN ${hog} || true\n`)
      const failed = await fail(
        await workshop().makeJob(source, {}, { memoryBytes: 300 * 1024 ** 2 }),
      )
      expect(failed).toMatchObject({ code: 'out-of-memory', class: 'infrastructure' })
    })

    it('calls a build at its process limit infrastructure, even if it exits 0', async () => {
      const fork = 'i=0; while [ $i -lt 300 ]; do sleep 3 & i=$((i+1)); done'
      const source = await dockerfile(`RUN sh -c '${fork}' || true\n`)
      const failed = await fail(await workshop().makeJob(source, {}, { processes: 120 }))
      expect(failed).toMatchObject({ code: 'too-many-processes', class: 'infrastructure' })
    })

    it('calls a full disk infrastructure', async () => {
      const source = await dockerfile('RUN dd if=/dev/zero of=/fill bs=1M count=200\n')
      const disk = await mkdtemp(join(workshop().folder, 'disk-'))
      mustRun('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk])
      // Also after a time-out, which no `finally` here would see.
      onTestFinished(() => mustRun('umount', ['-l', disk]))
      await mkdir(join(disk, 'work'))
      const paths = { workDirectory: join(disk, 'work') }
      for (const minFreeBytes of [0, 16 * 1024 ** 2]) {
        const job = await workshop().makeJob(source, {}, { minFreeBytes }, paths)
        expect(await fail(job)).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
      }
    })

    it('calls a build over its own disk limit infrastructure', async () => {
      const source = await dockerfile('RUN dd if=/dev/zero of=/fill bs=1M count=60\n')
      const failed = await fail(await workshop().makeJob(source, {}, { diskBytes: 40 * 1024 ** 2 }))
      expect(failed).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
    })

    it('gives steps no network where the recipe asks for none', async () => {
      const source = await dockerfile(
        'RUN grep -c : /proc/net/dev > /devices; grep lo: /proc/net/dev\n',
      )
      const layout = await build(await workshop().makeJob(source, { network: 'none' }))
      expect(readEntry(layout, 'devices')).toBe('1\n')
    })

    it('T15: shows a recipe none of the host’s files, devices, processes or variables', async () => {
      const canary = `canary-${Math.random()}`
      await writeFile(join(workshop().folder, 'canary'), canary)
      process.env.REBUILDNET_CANARY = canary
      const probe = [
        `cat ${join(workshop().folder, 'canary')}`,
        `cat /proc/1/root${join(workshop().folder, 'canary')}`,
        'cat /proc/[0-9]*/environ',
        'ls /dev/vd* /dev/sd* /dev/nvme* /dev/mem',
        'mknod /device b 254 0 && echo device-was-made',
        'echo 1 > /proc/sys/kernel/sysrq && echo sysctl-was-set',
        'env',
      ]
      const source = await dockerfile(`RUN (${probe.join('; ')}) 2>&1; ps > /processes\n`)
      const job = await workshop().makeJob(source)
      try {
        const layout = await build(job)
        const log = stepOutput(await readFile(job.logFile, 'utf8'))
        expect(log).toContain('HOME=')
        expect(log).not.toContain(canary)
        expect(log).not.toMatch(/^\/dev\/(?:vd|sd|nvme|mem)/m)
        expect(log).not.toContain('device-was-made')
        expect(log).not.toContain('sysctl-was-set')
        expect(readEntry(layout, 'processes')).not.toContain('vitest')
      } finally {
        delete process.env.REBUILDNET_CANARY
      }
    })
  })
}

/** What steps wrote: without the lines in which a builder repeats them, and without its marks. */
function stepOutput(log: string): string {
  return log.replaceAll(/^(?:STEP |#\d+ \[).*$/gm, '').replaceAll(/^#\d+ \d+\.\d+ /gm, '')
}

function mustRun(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
}
