/** Docker: a real daemon, buildx, and an image of BuildKit that the recipe pins. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Docker } from '../../node/rebuild/docker.ts'
import type { Builder } from '../../node/rebuild/builder.ts'
import { publishBuildKit } from '../support/buildkit-image.ts'
import { findKit } from '../support/buildkit.ts'
import { TestDocker } from '../support/docker-daemon.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { describeBuilder } from './builder-suite.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { pinningImage } from './pinning-image.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'
import { useBuilder } from './use-builder.ts'

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
