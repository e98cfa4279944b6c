import { defineConfig } from 'vitest/config'

const project = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, passWithNoTests: true },
})

// Tests over data that is not part of the project run only where a folder of it is named.
const outside = [
  ...(process.env.REBUILDNET_FIXTURES === undefined
    ? []
    : [project('fixtures', ['test/fixtures/**/*.test.ts'], 240_000)]),
  ...(process.env.REBUILDNET_VECTORS === undefined
    ? []
    : [project('outside-vectors', ['test/outside-vectors/**/*.test.ts'], 60_000)]),
]

/** A test runs thousands of seeds; the deepest run has no end in sight. */
const simulationTimeout =
  { ci: 3_600_000, soak: 86_400_000 }[process.env.REBUILDNET_TEST_DEPTH ?? ''] ?? 600_000

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], 20_000),
      project('property', ['test/property/**/*.test.ts'], 120_000),
      project('compliance', ['test/compliance/**/*.test.ts'], 120_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('simulation', ['test/simulation/**/*.test.ts'], simulationTimeout),
      project('faults', ['test/faults/**/*.test.ts'], 600_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 900_000),
      ...outside,
    ],
  },
})
