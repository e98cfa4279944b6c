/** What every builder must do, whatever it is made of. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Builder, BuildJob, BuildResult } from '../../node/rebuild/builder.ts'
import { removeWorkFolder } from '../../node/rebuild/work-folder.ts'
import {
  EPOCH,
  findProcesses,
  listEntries,
  listFolder,
  readEntry,
  readLayout,
  SHELL_BASE,
  Workshop,
  type Layout,
} from './builder-workshop.ts'

type Failed = Extract<BuildResult, { kind: 'failed' }>

export function describeBuilder(name: string, create: () => Builder, runs: boolean): void {
  describe.runIf(runs)(`the builder ${name}`, () => {
    let workshop: Workshop
    let builder: Builder
    const never = new AbortController().signal

    beforeAll(async () => {
      workshop = await Workshop.open()
      builder = create()
    })
    afterAll(() => workshop.close())

    const build = async (job: BuildJob): Promise<Layout> => {
      const result = await builder.build(job, never)
      if (result.kind === 'failed') throw new Error(`${result.message}\n${result.logTail}`)
      return readLayout(result.image)
    }
    const fail = async (job: BuildJob, signal = never): Promise<Failed> => {
      const result = await builder.build(job, signal)
      if (result.kind === 'built') throw new Error('the build should have failed')
      return result
    }
    const dockerfile = (steps: string) => workshop.makeSource({ Dockerfile: SHELL_BASE + steps })

    it('is found with a version and says what isolates its builds', async () => {
      const detected = await builder.detect(never)
      expect(detected?.version).toMatch(/^\d+\.\d+/)
      expect(detected?.isolation).not.toBe('')
    })

    it('makes the same manifest of the same recipe from different folders', async () => {
      const files = {
        Dockerfile: `${SHELL_BASE}COPY app /app\nRUN mkdir /data && date > /dev/null && echo made > /data/made\n`,
        'app/main': 'one\n',
      }
      const first = await build(await workshop.makeJob(await workshop.makeSource(files)))
      const again = await workshop.makeSource(files)
      // As a checkout under another umask and at another time would be.
      await chmod(join(again, 'app/main'), 0o600)
      await utimes(join(again, 'app/main'), 1, 1)
      const second = await build(await workshop.makeJob(again))
      expect(second.folder).not.toBe(first.folder)
      expect(second.manifestDigest).toBe(first.manifestDigest)
    })

    it('makes another manifest of another source', async () => {
      const one = await workshop.makeSource({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: '1' })
      const two = await workshop.makeSource({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: '2' })
      const first = await build(await workshop.makeJob(one))
      const second = await build(await workshop.makeJob(two))
      expect(second.manifestDigest).not.toBe(first.manifestDigest)
    })

    it('gives files and image the time of SOURCE_DATE_EPOCH and hands it to steps', async () => {
      const source = await dockerfile(
        'ARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH > /epoch\n',
      )
      const layout = await build(await workshop.makeJob(source))
      expect(readEntry(layout, 'epoch')).toBe(`${EPOCH}\n`)
      expect(layout.config.created).toBe('2023-11-14T22:13:20Z')
      const times = listEntries(layout).matchAll(/\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?/g)
      expect(new Set([...times].map(([time]) => time))).toEqual(new Set(['2023-11-14 22:13:20']))
    })

    it('hands build arguments to steps and annotations to the manifest', async () => {
      const source = await dockerfile('ARG WORDS\nRUN printf %s "$WORDS" > /words\n')
      const words = `a b "c" $HOME 'd' --e`
      const layout = await build(
        await workshop.makeJob(source, {
          buildArgs: { WORDS: words },
          annotations: { 'org.example.date': '20240101' },
        }),
      )
      expect(readEntry(layout, 'words')).toBe(words)
      expect(layout.manifest.annotations?.['org.example.date']).toBe('20240101')
    })

    it('builds the target stage and not what follows it', async () => {
      const source = await dockerfile(
        'FROM shell AS good\nRUN echo yes > /good\nFROM shell\nRUN exit 1\n',
      )
      const layout = await build(await workshop.makeJob(source, { target: 'good' }))
      expect(readEntry(layout, 'good')).toBe('yes\n')
    })

    it('takes Dockerfile and context from the folders that the recipe names', async () => {
      const source = await workshop.makeSource({
        'build/app.Dockerfile': 'FROM scratch\nCOPY inside /inside\n',
        'files/inside': 'found',
        outside: 'x',
      })
      const recipe = { dockerfile: 'build/app.Dockerfile', context: 'files' }
      const layout = await build(await workshop.makeJob(source, recipe))
      expect(readEntry(layout, 'inside')).toBe('found')
    })

    it('plans what it would run without running it', async () => {
      const source = await dockerfile('RUN true\n')
      const job = await workshop.makeJob(source, { buildArgs: { A: '1' } })
      const commands = builder.plan(job)
      expect(commands.flat()).toContain('A=1')
      expect(await listFolder(job.workDirectory)).toEqual([])
    })

    it('leaves the image in the work folder, and nothing mounted or running', async () => {
      const source = await dockerfile('RUN echo x > /x\n')
      const job = await workshop.makeJob(source)
      await build(job)
      expect(await listFolder(job.workDirectory)).toEqual(['image'])
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(job.workDirectory)
      expect(findProcesses(job.workDirectory)).toEqual([])
      await removeWorkFolder(job.workDirectory)
      await expect(stat(job.workDirectory)).rejects.toMatchObject({ code: 'ENOENT' })
    })

    it('calls a step that fails the recipe’s failure, and shows the end of its log', async () => {
      const job = await workshop.makeJob(await dockerfile('RUN echo before the fall; exit 3\n'))
      const failed = await fail(job)
      expect(failed).toMatchObject({ code: 'step-failed', stage: 'build', class: 'recipe' })
      expect(failed.message).toContain('exit 3')
      expect(failed.logTail).toContain('before the fall')
      const log = await readFile(job.logFile)
      expect(failed.logDigest).toBe(`sha256:${createHash('sha256').update(log).digest('hex')}`)
    })

    it.each([
      ['dockerfile-missing', { dockerfile: 'nowhere/Dockerfile' }],
      ['context-missing', { context: 'nowhere' }],
      ['path-escapes-source', { dockerfile: '../Dockerfile' }],
      ['path-escapes-source', { dockerfile: 'link' }],
      ['path-escapes-source', { context: 'away' }],
    ] as const)('refuses with %s the recipe %o', async (code, recipe) => {
      const source = await workshop.makeSource({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
      await symlink('/etc/passwd', join(source, 'link'))
      await symlink('/etc', join(source, 'away'))
      expect(await fail(await workshop.makeJob(source, recipe))).toMatchObject({
        code,
        stage: 'source',
        class: 'recipe',
      })
    })

    it('calls a Dockerfile that is none the recipe’s failure', async () => {
      const failed = await fail(await workshop.makeJob(await dockerfile('FRBO nothing\n')))
      expect(failed).toMatchObject({ code: 'dockerfile-invalid', class: 'recipe' })
    })

    it.each([
      ['FROM registry.example/project/app:1\n', {}],
      ['ARG BASE\nFROM $BASE\n', { BASE: 'registry.example/project/app@sha256:00' }],
      ['FROM scratch\nCOPY --from=Registry.Example:443/project/app / /\n', {}],
    ])('refuses %j, which starts from the project’s own image', async (text, buildArgs) => {
      const source = await workshop.makeSource({ Dockerfile: text })
      expect(await fail(await workshop.makeJob(source, { buildArgs }))).toMatchObject({
        code: 'recipe-reads-own-image',
        class: 'recipe',
      })
    })

    it('calls a base image that cannot be fetched infrastructure', async () => {
      const source = await workshop.makeSource({
        Dockerfile: 'FROM 127.0.0.1:9/nothing:1\nRUN x\n',
      })
      expect(await fail(await workshop.makeJob(source))).toMatchObject({
        code: 'base-fetch-failed',
        class: 'infrastructure',
      })
    })

    it('stops at the time-out, with everything it had started', async () => {
      const marker = `7${String(Math.random()).slice(2, 10)}`
      const source = await dockerfile(`RUN setsid sleep ${marker} & sleep ${marker}\n`)
      const failed = await fail(await workshop.makeJob(source, {}, { timeoutMs: 5000 }))
      expect(failed).toMatchObject({ code: 'build-timeout', class: 'infrastructure' })
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
    })

    it('stops when it is told to, with everything it had started', async () => {
      const marker = `8${String(Math.random()).slice(2, 10)}`
      const source = await dockerfile(`RUN setsid sleep ${marker} & sleep ${marker}\n`)
      const job = await workshop.makeJob(source)
      const stop = new AbortController()
      const failing = fail(job, stop.signal)
      // The step's own processes, not the builder whose arguments name the Dockerfile only.
      while (findProcesses(`sleep ${marker}`).length < 2) await delay(20)
      stop.abort()
      expect(await failing).toMatchObject({ code: 'build-cancelled', class: 'infrastructure' })
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
      expect(await listFolder(job.workDirectory)).toEqual([])
    })

    it('cuts a log that is too long, visibly, and keeps both its ends', async () => {
      const source = await dockerfile(
        'RUN yes line of noise | head -c 3000000; echo; echo last words\n',
      )
      const job = await workshop.makeJob(source, {}, { logBytes: 200_000 })
      const result = await builder.build(job, never)
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
        await workshop.makeJob(source, {}, { memoryBytes: 300 * 1024 ** 2 }),
      )
      expect(failed).toMatchObject({ code: 'out-of-memory', class: 'infrastructure' })
    })

    it('calls a build at its process limit infrastructure, even if it exits 0', async () => {
      const fork = 'i=0; while [ $i -lt 300 ]; do sleep 3 & i=$((i+1)); done'
      const source = await dockerfile(`RUN sh -c '${fork}' || true\n`)
      const failed = await fail(await workshop.makeJob(source, {}, { processes: 120 }))
      expect(failed).toMatchObject({ code: 'too-many-processes', class: 'infrastructure' })
    })

    it('calls a full disk infrastructure', async () => {
      const source = await dockerfile('RUN dd if=/dev/zero of=/fill bs=1M count=200\n')
      const disk = await mkdtemp(join(workshop.folder, 'disk-'))
      mustRun('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk])
      try {
        await mkdir(join(disk, 'work'))
        const paths = { workDirectory: join(disk, 'work') }
        for (const minFreeBytes of [0, 16 * 1024 ** 2]) {
          const job = await workshop.makeJob(source, {}, { minFreeBytes }, paths)
          expect(await fail(job)).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
        }
      } finally {
        mustRun('umount', ['-l', disk])
      }
    })

    it('calls a build over its own disk limit infrastructure', async () => {
      const source = await dockerfile('RUN dd if=/dev/zero of=/fill bs=1M count=60\n')
      const failed = await fail(await workshop.makeJob(source, {}, { diskBytes: 40 * 1024 ** 2 }))
      expect(failed).toMatchObject({ code: 'disk-full', class: 'infrastructure' })
    })

    it('gives steps no network where the recipe asks for none', async () => {
      const source = await dockerfile(
        'RUN grep -c : /proc/net/dev > /devices; grep lo: /proc/net/dev\n',
      )
      const layout = await build(await workshop.makeJob(source, { network: 'none' }))
      expect(readEntry(layout, 'devices')).toBe('1\n')
    })

    it('T15: shows a recipe none of the host’s files, devices, processes or variables', async () => {
      const canary = `canary-${Math.random()}`
      await writeFile(join(workshop.folder, 'canary'), canary)
      process.env.REBUILDNET_CANARY = canary
      const probe = [
        `cat ${join(workshop.folder, 'canary')}`,
        `cat /proc/1/root${join(workshop.folder, 'canary')}`,
        'cat /proc/[0-9]*/environ',
        'ls /dev/vd* /dev/sd* /dev/nvme* /dev/mem',
        'mknod /device b 254 0 && echo device-was-made',
        'echo 1 > /proc/sys/kernel/sysrq && echo sysctl-was-set',
        'env',
      ]
      const source = await dockerfile(`RUN (${probe.join('; ')}) 2>&1; ps > /processes\n`)
      const job = await workshop.makeJob(source)
      try {
        const layout = await build(job)
        const log = (await readFile(job.logFile, 'utf8')).replaceAll(/^STEP .*$/gm, '')
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

function mustRun(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
}
