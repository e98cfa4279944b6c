/** Docker: a real daemon, buildx, and an image of BuildKit that the recipe pins. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { Docker } from '../../node/rebuild/docker.ts'
import type { Builder } from '../../node/rebuild/builder.ts'
import { Workshop as NodeWorkshop } from '../../node/workshop.ts'
import { publishBuildKit } from '../support/buildkit-image.ts'
import { findKit } from '../support/buildkit.ts'
import { TestDocker } from '../support/docker-daemon.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { waitFor } from '../support/wait-for.ts'
import { describeArchives } from './archive-suite.ts'
import { describeBuilder } from './builder-suite.ts'
import type { ChildBuild } from './docker-build.child.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { pinningImage } from './pinning-image.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'
import { useBuilder } from './use-builder.ts'
import { findProcesses, listFolder, SHELL_BASE } from './workshop.ts'

const CHILD = fileURLToPath(new URL('docker-build.child.ts', import.meta.url))

const { runs, words } = describeNeeds(['docker', 'dockerd', ...BUILDER_TOOLS])
const kit = findKit('buildkit')
const buildx = findKit('buildx')

describe.runIf(runs)(`Docker${words}`, () => {
  // The one thing that may keep these tests from being run, and then it is said.
  const missing = 'unavailable' in kit ? kit : buildx
  if ('unavailable' in kit || 'unavailable' in buildx) {
    it(`unavailable: ${'unavailable' in missing ? missing.unavailable : ''}`, () => {
      expect(missing).toHaveProperty('unavailable')
    })
    return
  }
  let registry: TestRegistry
  let docker: TestDocker
  let image = ''
  beforeAll(async () => {
    registry = await startRegistry()
    image = await publishBuildKit(kit, registry.host)
    docker = await TestDocker.start()
  })
  afterAll(async () => {
    await docker.stop()
    await registry.stop()
  })
  const create = (): Builder =>
    pinningImage(
      'docker',
      () => image,
      () => new Docker({ host: docker.host, buildx: `${buildx.folder}/buildx` }),
    )

  describeEgress('docker', create)
  if (DEEP) {
    describeArchives('docker', create)
    describeBuilder('docker', create)
    describeWithRegistry('docker', create)
    describeLimits('docker', create)
    describeSafety('docker', create, { ownNetwork: true, containers: true })
  }

  describe('what Docker is left with', () => {
    const { workshop, build, builder, never } = useBuilder(create)
    it('is nothing of a build, and the result names the BuildKit that made it', async () => {
      const source = await workshop().makeSource({
        Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n',
      })
      await build(await workshop().makeJob(source))
      expect(await docker.list('ps', '--all', '--quiet')).toBe('')
      expect(await docker.list('volume', 'ls', '--quiet')).toBe('')
      const result = await builder().build(await workshop().makeJob(source), never)
      const [name = '', digest = ''] = image.split('@')
      expect(result).toMatchObject({ kind: 'built', version: kit.version })
      expect(result.kind === 'built' ? result.materials : []).toContainEqual({
        uri: `docker://${name}`,
        digest,
      })
    })

    it('is nothing of a node that was killed, once it starts again, and all of what is others’', async () => {
      const mark = `7.${process.pid}1`
      const workFolder = await mkdtemp(join(workshop().folder, 'node-'))
      const workDirectory = join(workFolder, 'build')
      await mkdir(workDirectory)
      const source = await workshop().makeSource({ Dockerfile: `${SHELL_BASE}RUN sleep ${mark}\n` })
      const recipe = { builders: [{ name: 'docker' as const, image }] }
      const job = await workshop().makeJob(source, recipe, {}, { workDirectory })
      const options = {
        host: docker.host,
        buildx: `${buildx.folder}/buildx`,
        owner: '0123456789abcdef',
      }
      const child = spawn(
        process.execPath,
        [CHILD, JSON.stringify({ options, job } satisfies ChildBuild)],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      )
      onTestFinished(() => void child.kill('SIGKILL'))
      await waitFor('the step runs', () => findProcesses(`sleep ${mark}`).length > 0)
      const end = once(child, 'exit')
      child.kill('SIGKILL')
      await end

      // Of a node that shares the Docker, of a person, and of somebody whose id begins alike.
      const others = ['rebuildnet-fedcba9876543210-0a', 'mine', 'rebuildnet-0123456789abcdef0-0a']
      const names = others.map((name) => `buildx_buildkit_${name}0`).sort()
      for (const name of names) {
        await docker.list('create', '--network', 'none', '--name', name, image)
        await docker.list('volume', 'create', `${name}_state`)
      }
      const lines = async (...words: string[]) =>
        ((await docker.list(...words)) ?? '').trim().split('\n').sort()
      const containers = () => lines('ps', '--all', '--format', '{{.Names}}')
      const volumes = () => lines('volume', 'ls', '--format', '{{.Name}}')
      expect(await containers()).toHaveLength(names.length + 1)
      expect(await volumes()).toHaveLength(names.length + 1)

      const node = new NodeWorkshop(
        {
          crypto: nodeCrypto,
          logger: silentLogger,
          builders: [new Docker(options)],
          insecure: () => [],
          trees: { keep: async () => undefined },
          commitTimes: () => [],
        },
        { workFolder, logFolder: workFolder, limits: job.limits, routes: {} },
      )
      await node.clean()
      expect(await containers()).toEqual(names)
      expect(await volumes()).toEqual(names.map((name) => `${name}_state`))
      expect(findProcesses(`sleep ${mark}`)).toEqual([])
      expect(await listFolder(workFolder)).toEqual([])
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(workFolder)
      for (const name of names) {
        await docker.list('rm', '--volumes', name)
        await docker.list('volume', 'rm', `${name}_state`)
      }
    })

    it('is no part in a recipe that pins no image', async () => {
      const plain = new Docker({ host: docker.host, buildx: `${buildx.folder}/buildx` })
      const source = await workshop().makeSource({
        Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n',
      })
      const recipe = { builders: [{ name: 'docker' as const }] }
      expect(await plain.build(await workshop().makeJob(source, recipe), never)).toMatchObject({
        code: 'recipe-not-supported',
        class: 'infrastructure',
      })
    })
  })
})
