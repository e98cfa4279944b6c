/**
 * The test runner: builds, sees to the system packages, runs vitest, and says what was slow.
 *
 *   npm test          what every change must pass, 12 minutes on two cores
 *   npm run test:ci   more seeds and every mutant
 *   npm run soak      an hour of floods first, and then longer still
 *
 * Each suite has a budget in budgets.json, in seconds summed over its tests, as for two at a time: all
 * together fill eleven minutes of two workers. Where four share two cores (vitest.config.ts) the sums
 * are larger than the work; a suite that is over its own is named.
 * In CI a skipped test is a failure.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)
const depth = args.includes('--soak') ? 'soak' : args.includes('--ci') ? 'ci' : 'default'
const rest = args.filter((arg) => arg !== '--soak' && arg !== '--ci')
const inCi = process.env.CI === 'true'

function run(command, argv, env = {}) {
  const { status } = spawnSync(command, argv, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  return status ?? 1
}

/** The suite of a test file: the folder below test/. */
function suiteOf(file) {
  return relative(join(root, 'test'), file).split('/')[0]
}

const noInstall = process.env.REBUILDNET_NO_INSTALL === '1' ? ['--no-install'] : []
for (const step of [['.ci/prepare.mjs'], ['dist/cli/system-packages.js', 'test', ...noInstall]]) {
  const status = run(process.execPath, step)
  if (status !== 0) process.exit(status)
}

// Before the tests, so that no test waits for a compiler.
const kit = run(process.execPath, ['.ci/buildkit.mjs'])
if (kit !== 0) process.exit(kit)

// One after the other, with the machine to themselves, and before what has no end in sight.
if (depth === 'soak' && rest.length === 0) {
  const flood = ['--project', 'integration', '-t', 'T13: a flood']
  const file = 'test/integration/network-hostile-floods.test.ts'
  const argv = ['node_modules/vitest/vitest.mjs', 'run', ...flood, file]
  const status = run(process.execPath, argv, { REBUILDNET_TEST_DEPTH: depth })
  if (status !== 0) process.exit(status)
}

/** Of `npm test` as a whole, from the end of the build on. */
const MAX_SECONDS = 660
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-tests-'))
const report = join(folder, 'report.json')
// The deeper runs repeat only what has depth: seeds, kills and mutants.
const deep = ['property', 'simulation', 'faults', 'builders']
/** In their folders, but the same at every depth. */
const shallow = [
  ...['builders/buildah', 'builders/buildkit-remote', 'builders/sandbox', 'faults/full-disk'],
  ...['normalize-flatten', 'normalize-hostile', 'normalize-layer', 'replica'].map(
    (name) => `property/${name}`,
  ),
].map((name) => `test/${name}.test.ts`)
const projects =
  depth === 'default'
    ? []
    : [
        ...deep.flatMap((name) => ['--project', name]),
        ...shallow.flatMap((path) => ['--exclude', path]),
      ]
const status = run(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...projects,
    ...rest,
  ],
  { REBUILDNET_TEST_DEPTH: depth },
)

let results
try {
  results = JSON.parse(readFileSync(report, 'utf8'))
} catch {
  console.error('test: vitest wrote no report')
  process.exit(1)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const tests = results.testResults.flatMap((file) =>
  file.assertionResults.map((test) => ({ file: file.name, ...test })),
)
const slowest = tests.toSorted((a, b) => (b.duration ?? 0) - (a.duration ?? 0)).slice(0, 12)
console.log('\nslowest tests')
for (const test of slowest) {
  const seconds = ((test.duration ?? 0) / 1000).toFixed(1).padStart(7)
  console.log(`${seconds} s  ${suiteOf(test.file)}: ${test.title}`)
}

const budgets = JSON.parse(readFileSync(join(root, '.ci/budgets.json'), 'utf8'))
const spent = new Map()
for (const test of tests) {
  const suite = suiteOf(test.file)
  spent.set(suite, (spent.get(suite) ?? 0) + (test.duration ?? 0) / 1000)
}
console.log('\nsuite            spent  budget (seconds, summed over its tests)')
for (const [suite, seconds] of [...spent].toSorted()) {
  const budget = budgets[suite]
  const over =
    depth === 'default' && budget !== undefined && seconds > budget ? '  OVER BUDGET' : ''
  console.log(
    `${suite.padEnd(14)} ${seconds.toFixed(1).padStart(7)} ${String(budget ?? '-').padStart(7)}${over}`,
  )
}

const all = (performance.now() - began) / 1000
const late = depth === 'default' && rest.length === 0 && all > MAX_SECONDS ? '  OVER BUDGET' : ''
console.log(
  `${'on the clock'.padEnd(14)} ${all.toFixed(1).padStart(7)} ${String(MAX_SECONDS).padStart(7)}${late}`,
)

const count = (state) => tests.filter((test) => test.status === state).length
const skipped = tests.length - count('passed') - count('failed')
for (const test of tests.filter((t) => t.status !== 'passed' && t.status !== 'failed')) {
  console.log(`skipped: ${test.fullName}`)
}
console.log(`\n${count('passed')} passed, ${count('failed')} failed, ${skipped} skipped`)
if (inCi && skipped > 0) {
  console.error('test: in CI nothing may be skipped')
  process.exit(1)
}
process.exit(status)
