/** Podman: its own build, and BuildKit in a container from an image that the recipe pins. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Podman } from '../../node/rebuild/podman.ts'
import { publishBuildKit } from '../support/buildkit-image.ts'
import { findKit } from '../support/buildkit.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { describeArchives } from './archive-suite.ts'
import { describeBuilder } from './builder-suite.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { pinningImage } from './pinning-image.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'

const { runs, words } = describeNeeds(['podman', ...BUILDER_TOOLS])
const kit = findKit('buildkit')

describe.runIf(runs)(`podman build${words}`, () => {
  const create = () => new Podman()
  describeEgress('podman', create)
  if (DEEP) {
    describeArchives('podman', create)
    describeBuilder('podman', create)
    describeWithRegistry('podman', create)
    describeLimits('podman', create)
    describeSafety('podman', create, { ownNetwork: true })
  }
})

describe.runIf(runs)(`BuildKit in a container of Podman${words}`, () => {
  if ('unavailable' in kit) {
    it(`unavailable: ${kit.unavailable}`, () => {
      expect(kit.unavailable).not.toBe('')
    })
    return
  }
  let registry: TestRegistry
  let image = ''
  beforeAll(async () => {
    registry = await startRegistry()
    image = await publishBuildKit(kit, registry.host)
  })
  afterAll(() => registry.stop())
  const create = () =>
    pinningImage(
      'podman',
      () => image,
      () => new Podman(),
    )
  describeEgress('BuildKit by podman', create)
  if (DEEP) {
    describeArchives('BuildKit by podman', create)
    describeBuilder('BuildKit by podman', create)
    describeWithRegistry('BuildKit by podman', create)
    describeLimits('BuildKit by podman', create)
    describeSafety('BuildKit by podman', create, { ownNetwork: true, containers: true })
  }
})
