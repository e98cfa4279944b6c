/** What every builder must do, whatever it is made of: what comes out, and what it says of it. */
import { createHash } from 'node:crypto'
import { chmod, readFile, stat, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Builder } from '../../node/rebuild/builder.ts'
import { removeWorkFolder } from '../../node/rebuild/work-folder.ts'
import { waitFor } from '../support/wait-for.ts'
import { useBuilder } from './use-builder.ts'
import { EPOCH, findProcesses, listEntries, listFolder, readEntry, SHELL_BASE } from './workshop.ts'

export function describeBuilder(name: string, create: () => Builder): void {
  describe(`the builder ${name}`, () => {
    const { builder, workshop, build, fail, never, dockerfile } = useBuilder(create)

    it('is found with a version and says what isolates its builds', async () => {
      const detected = await builder().detect(never)
      expect(detected?.version).toMatch(/^\d+\.\d+/)
      expect(detected?.isolation).not.toBe('')
    })

    it('makes the same manifest of the same recipe from different folders', async () => {
      const files = {
        Dockerfile: `${SHELL_BASE}COPY app /app\nRUN mkdir /data && date > /dev/null && echo made > /data/made\n`,
        'app/main': 'one\n',
      }
      const first = await build(await workshop().makeJob(await workshop().makeSource(files)))
      const again = await workshop().makeSource(files)
      // As a checkout under another umask and at another time would be.
      await chmod(join(again, 'app/main'), 0o600)
      await utimes(join(again, 'app/main'), 1, 1)
      const second = await build(await workshop().makeJob(again))
      expect(second.folder).not.toBe(first.folder)
      expect(second.manifestDigest).toBe(first.manifestDigest)
    })

    it('makes another manifest of another source', async () => {
      const one = await workshop().makeSource({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: '1' })
      const two = await workshop().makeSource({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: '2' })
      const first = await build(await workshop().makeJob(one))
      const second = await build(await workshop().makeJob(two))
      expect(second.manifestDigest).not.toBe(first.manifestDigest)
    })

    it('gives files and image the time of SOURCE_DATE_EPOCH and hands it to steps', async () => {
      const source = await dockerfile(
        'ARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH > /epoch\n',
      )
      const layout = await build(await workshop().makeJob(source))
      expect(readEntry(layout, 'epoch')).toBe(`${EPOCH}\n`)
      expect(layout.config.created).toBe('2023-11-14T22:13:20Z')
      const times = listEntries(layout).matchAll(/\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?/g)
      expect(new Set([...times].map(([time]) => time))).toEqual(new Set(['2023-11-14 22:13:20']))
    })

    it('hands build arguments to steps and annotations to the manifest', async () => {
      const source = await dockerfile('ARG WORDS\nRUN printf %s "$WORDS" > /words\n')
      const words = `a b "c" $HOME 'd' --e`
      const layout = await build(
        await workshop().makeJob(source, {
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
      const layout = await build(await workshop().makeJob(source, { target: 'good' }))
      expect(readEntry(layout, 'good')).toBe('yes\n')
    })

    it('takes Dockerfile and context from the folders that the recipe names', async () => {
      const source = await workshop().makeSource({
        'build/app.Dockerfile': 'FROM scratch\nCOPY inside /inside\n',
        'files/inside': 'found',
        outside: 'x',
      })
      const recipe = { dockerfile: 'build/app.Dockerfile', context: 'files' }
      const layout = await build(await workshop().makeJob(source, recipe))
      expect(readEntry(layout, 'inside')).toBe('found')
    })

    it('plans what it would run without running it', async () => {
      const source = await dockerfile('RUN true\n')
      const job = await workshop().makeJob(source, { target: 'shell' })
      const commands = builder().plan(job)
      expect(commands.flat().some((word) => /^(?:target=)?shell$/i.test(word))).toBe(true)
      expect(await listFolder(job.workDirectory)).toEqual([])
    })

    it('leaves the image in the work folder, and nothing mounted or running', async () => {
      const source = await dockerfile('RUN echo x > /x\n')
      const job = await workshop().makeJob(source)
      await build(job)
      expect(await listFolder(job.workDirectory)).toEqual(['image'])
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(job.workDirectory)
      expect(findProcesses(job.workDirectory)).toEqual([])
      await removeWorkFolder(job.workDirectory)
      await expect(stat(job.workDirectory)).rejects.toMatchObject({ code: 'ENOENT' })
    })

    it('calls a step that fails the recipe’s failure, and shows the end of its log', async () => {
      const job = await workshop().makeJob(await dockerfile('RUN echo before the fall; exit 3\n'))
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
      const source = await workshop().makeSource({
        Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n',
      })
      await symlink('/etc/passwd', join(source, 'link'))
      await symlink('/etc', join(source, 'away'))
      expect(await fail(await workshop().makeJob(source, recipe))).toMatchObject({
        code,
        stage: 'source',
        class: 'recipe',
      })
    })

    it('calls a Dockerfile that is none the recipe’s failure', async () => {
      const failed = await fail(await workshop().makeJob(await dockerfile('FRBO nothing\n')))
      expect(failed).toMatchObject({ code: 'dockerfile-invalid', class: 'recipe' })
    })

    it.each([
      ['FROM registry.example/project/app:1\n', {}],
      ['ARG BASE\nFROM $BASE\n', { BASE: 'registry.example/project/app@sha256:00' }],
      ['FROM scratch\nCOPY --from=Registry.Example:443/project/app / /\n', {}],
    ])('refuses %j, which starts from the project’s own image', async (text, buildArgs) => {
      const source = await workshop().makeSource({ Dockerfile: text })
      expect(await fail(await workshop().makeJob(source, { buildArgs }))).toMatchObject({
        code: 'recipe-reads-own-image',
        class: 'recipe',
      })
    })

    it('calls a base image that cannot be fetched infrastructure', async () => {
      const source = await workshop().makeSource({
        Dockerfile: 'FROM 127.0.0.1:9/nothing:1\nRUN x\n',
      })
      expect(await fail(await workshop().makeJob(source))).toMatchObject({
        code: 'base-fetch-failed',
        class: 'infrastructure',
      })
    })

    it('stops when it is told to, with everything it had started', async () => {
      const marker = `8${String(Math.random()).slice(2, 10)}`
      const source = await dockerfile(`RUN setsid sleep ${marker} & sleep ${marker}\n`)
      const job = await workshop().makeJob(source)
      const stop = new AbortController()
      const failing = fail(job, stop.signal)
      // The step's own processes, not the builder whose arguments name the Dockerfile only.
      await waitFor('the step runs', () => findProcesses(`sleep ${marker}`).length >= 2)
      stop.abort()
      expect(await failing).toMatchObject({ code: 'build-cancelled', class: 'infrastructure' })
      expect(findProcesses(`sleep ${marker}`)).toEqual([])
      expect(await listFolder(job.workDirectory)).toEqual([])
    })
  })
}
