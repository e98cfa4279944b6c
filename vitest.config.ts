/**
 * The test suites, in groups that run one after the other: what only computes, what talks to
 * the machine (disks, sockets, other programs), and builders. At the end of each a core may wait for
 * the last file, so there are few.
 */
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const CORES = Math.min(4, availableParallelism())
/** What talks to sockets, disks and programs waits for a third of its time, in which another can run. */
const WAITING = CORES + 2
const GROUPS = {
  computing: { groupOrder: 1, maxWorkers: CORES },
  machine: { groupOrder: 2, maxWorkers: WAITING },
  /** A daemon that shares its cores with three others may not answer for minutes. */
  builders: { groupOrder: 3, maxWorkers: CORES },
} as const

/** Where the many processes that tests start find their compiled code: a fifth of their time. */
const COMPILED = join(import.meta.dirname, 'node_modules/.cache/compiled')

/** Milliseconds. Far beyond what a test takes: on a busy machine nothing is learned from a close one. */
const PATIENCE = 300_000

/** Unit tests leave nothing behind in their process, so that many files share one: half their time. */
function project(
  name: string,
  group: keyof typeof GROUPS,
  testTimeout = PATIENCE,
): { test: Record<string, unknown> } {
  const { groupOrder, maxWorkers } = GROUPS[group]
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout,
      hookTimeout: testTimeout,
      passWithNoTests: true,
      env: { NODE_COMPILE_CACHE: COMPILED },
      maxWorkers,
      isolate: name !== 'unit',
      sequence: { groupOrder },
    },
  }
}

// Tests over data that is not part of the project run only where a folder of it is named.
const outside = [
  ...(process.env.REBUILDNET_FIXTURES === undefined ? [] : [project('fixtures', 'computing')]),
  ...(process.env.REBUILDNET_VECTORS === undefined
    ? []
    : [project('outside-vectors', 'computing')]),
]

/** A test runs thousands of seeds; the deepest run has no end in sight. */
const simulationTimeout =
  { ci: 3_600_000, soak: 86_400_000 }[process.env.REBUILDNET_TEST_DEPTH ?? ''] ?? 900_000

/** Files that take long, the longest first: one that begins last keeps a core waiting. */
const LONG = [
  ...['seeds-even.test.ts', 'seeds-odd.test.ts', 'mutants.test.ts'],
  ...['docker.test.ts', 'podman.test.ts', 'debian.test.ts', 'partition.test.ts'],
  ...['kills-one.test.ts', 'kills-other.test.ts', 'full-disk.test.ts', 'killed-build.test.ts'],
]

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.indexOf(basename(moduleId))
      return at < 0 ? LONG.length : at
    }
    const sorted = await super.sort(files)
    return sorted.toSorted(
      (a, b) =>
        a.project.config.sequence.groupOrder - b.project.config.sequence.groupOrder ||
        place(a) - place(b),
    )
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      project('unit', 'computing'),
      project('property', 'computing'),
      project('simulation', 'computing', simulationTimeout),
      project('compliance', 'machine'),
      project('builders', 'builders'),
      project('integration', 'machine'),
      project('faults', 'machine', 1_800_000),
      project('e2e', 'machine', 900_000),
      ...outside,
    ],
  },
})
