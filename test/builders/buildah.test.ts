import { describe } from 'vitest'
import { Buildah } from '../../node/rebuild/buildah.ts'
import { describeArchives } from './archive-suite.ts'
import { describeBuilder } from './builder-suite.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, describeNeeds } from './needs.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'

const { runs, words } = describeNeeds(['buildah', ...BUILDER_TOOLS])

describe.runIf(runs)(`buildah${words}`, () => {
  const create = () => new Buildah()
  describeBuilder('buildah', create)
  describeLimits('buildah', create)
  describeWithRegistry('buildah', create)
  describeSafety('buildah', create, { ownNetwork: true })
  describeEgress('buildah', create)
  describeArchives('buildah', create)
})
