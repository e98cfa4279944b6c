/** BuildKit, by a daemon that the node starts for each build. */
import { describe, expect, it } from 'vitest'
import { BuildKit } from '../../node/rebuild/buildkit.ts'
import { findKit } from '../support/buildkit.ts'
import { describeArchives } from './archive-suite.ts'
import { describeBuilder } from './builder-suite.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'

const { runs, words } = describeNeeds(BUILDER_TOOLS)
const found = findKit('buildkit')

describe.runIf(runs)(`BuildKit${words}`, () => {
  // The one thing that may keep these tests from being run, and then it is said.
  if ('unavailable' in found) {
    it(`unavailable: ${found.unavailable}`, () => {
      expect(found.unavailable).not.toBe('')
    })
    return
  }
  const create = () => new BuildKit({ programs: found.folder })
  describeBuilder('buildkit', create)
  if (DEEP) {
    describeArchives('buildkit', create)
    describeWithRegistry('buildkit', create)
    describeLimits('buildkit', create)
    describeSafety('buildkit', create, { ownNetwork: true, containers: true })
  }
  describeEgress('buildkit', create)
})
