/** Builders and base images from a registry: a real docker-registry on loopback. */
import { spawnSync } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Material } from '../../protocol/rebuild.ts'
import type { Builder, BuildJob, BuildResult } from '../../node/rebuild/builder.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { readEntry, readLayout, SHELL_BASE, Workshop } from './workshop.ts'

export function describeWithRegistry(name: string, create: () => Builder): void {
  describe(`the builder ${name} with a registry`, () => {
    const never = new AbortController().signal
    let builder: Builder
    let workshop: Workshop
    let registry: TestRegistry
    let host: string
    let digest: string

    beforeAll(async () => {
      builder = create()
      workshop = await Workshop.open()
      registry = await startRegistry()
      host = registry.host
      const base = `${SHELL_BASE}RUN echo base > /base\n`
      const job = await workshop.makeJob(await workshop.makeSource({ Dockerfile: base }))
      const built = await builder.build(job, never)
      if (built.kind === 'failed') throw new Error(built.message)
      digest = (await readLayout(built.image)).manifestDigest
      for (const name of ['library/base:1', 'library/other:1', 'project/app:1'])
        push(built.image, name)
    })
    afterAll(async () => {
      await registry.stop()
      await workshop.close()
    })

    function push(image: string, name: string): void {
      const args = ['copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false']
      const { status, stderr } = spawnSync('skopeo', [...args, image, `docker://${host}/${name}`], {
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(stderr)
    }

    const makeJob = async (dockerfile: string, job: Partial<BuildJob> = {}) =>
      workshop.makeJob(
        await workshop.makeSource({ Dockerfile: dockerfile }),
        {},
        {},
        {
          image: `${host}/project/app`,
          ...job,
        },
      )

    it('builds on a base pinned by digest, and records it as material', async () => {
      const result = await builder.build(
        await makeJob(`FROM ${host}/library/base@${digest}\nRUN cat /base > /seen\n`),
        never,
      )
      expect(imagesIn(result)).toEqual([{ uri: `docker://${host}/library/base`, digest }])
      if (result.kind === 'built') {
        expect(readEntry(await readLayout(result.image), 'seen')).toBe('base\n')
      }
    })

    it('T16: records the digest that a tag stood for, and what COPY --from took', async () => {
      const result = await builder.build(
        await makeJob(
          `FROM ${host}/library/base:1\nCOPY --from=${host}/library/other:1 /base /other\n`,
        ),
        never,
      )
      expect(imagesIn(result)).toEqual([
        { uri: `docker://${host}/library/base:1`, digest },
        { uri: `docker://${host}/library/other:1`, digest },
      ])
    })

    it('fetches the base although the steps have no network', async () => {
      const job = await makeJob(
        `FROM ${host}/library/base:1\nRUN nc -w 2 ${host.replace(':', ' ')} < /dev/null\n`,
      )
      const offline = { ...job, recipe: { ...job.recipe, network: 'none' as const } }
      expect(await builder.build(offline, never)).toMatchObject({
        kind: 'failed',
        code: 'step-failed',
        class: 'recipe',
      })
      const workDirectory = await mkdtemp(join(workshop.folder, 'work-'))
      const insecureRegistries = [host]
      const online = await builder.build({ ...job, workDirectory, insecureRegistries }, never)
      expect(online.kind === 'failed' ? online.logTail : '').toBe('')
    })

    it.each([
      ['a tag that is not there', 'library/base:none'],
      ['a repository that is not there', 'library/none:1'],
      ['a digest that is not there', `library/base@sha256:${'0'.repeat(64)}`],
    ])('calls %s infrastructure', async (_, name) => {
      const result = await builder.build(await makeJob(`FROM ${host}/${name}\nRUN true\n`), never)
      expect(result).toMatchObject({ code: 'base-fetch-failed', class: 'infrastructure' })
    })

    it('refuses the project’s own image, by its name and under another one', async () => {
      const named = await makeJob(`FROM ${host}/project/app:1\n`)
      expect(await builder.build(named, never)).toMatchObject({ code: 'recipe-reads-own-image' })
      const renamed = await makeJob(`FROM ${host}/library/base:1\nRUN true\n`, {
        publishedDigests: [digest],
      })
      expect(await builder.build(renamed, never)).toMatchObject({
        kind: 'failed',
        code: 'recipe-reads-own-image',
        class: 'recipe',
      })
    })
  })
}

/** The images among the materials; a builder may name itself beside them. */
function imagesIn(result: BuildResult): readonly Material[] | undefined {
  if (result.kind === 'failed') return undefined
  return result.materials.filter(
    ({ uri }) => uri.startsWith('docker://') && !uri.includes('/moby/buildkit:'),
  )
}
