/**
 * BuildKit for the tests: buildkitd and buildctl, built by Go from the module proxy and kept.
 *
 *   node .ci/buildkit.mjs            builds them where they are not there yet, and prints where
 *   node .ci/buildkit.mjs --cached   only says whether they are there
 *
 * Debian has no package of BuildKit. What is printed is one line of JSON: `folder`, `version`, `go`
 * and `minutes`, or `unavailable` with the reason, which is the one thing that keeps the tests of
 * BuildKit from being run.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version that the recipes of this project pin. */
const VERSION = '0.34.2'
const MODULE = 'github.com/moby/buildkit'
const PROGRAMS = ['buildkitd', 'buildctl']
/** The first Go that fetches by itself the newer one that a module asks for. */
const OLDEST_GO = [1, 21]
const TIMEOUT_MS = 30 * 60 * 1000

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rebuildnet')
const folder = join(cache, `buildkit-${VERSION}`)
const record = join(folder, 'built.json')
const path = [process.env.PATH ?? '', '/usr/local/go/bin', '/usr/lib/go/bin'].join(delimiter)

function run(command, args, options = {}) {
  const env = { ...process.env, PATH: path, ...options.env }
  const all = { encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: 1 << 28, ...options, env }
  const { status, stdout, stderr, error } = spawnSync(command, args, all)
  return { ok: status === 0, output: stdout ?? '', problem: error?.message ?? lastLine(stderr) }
}

function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1) ?? ''
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number)
  return major > OLDEST_GO[0] || (major === OLDEST_GO[0] && minor >= OLDEST_GO[1])
}

/** The version of Go, after it was installed where that is ours to do; or why there is none. */
function findGo() {
  const found = run('go', ['env', 'GOVERSION'])
  if (found.ok) {
    const version = found.output.trim()
    return isNewEnough(version) ? { version } : { unavailable: `${version} is too old` }
  }
  const refused = process.env.REBUILDNET_NO_INSTALL === '1' || process.getuid?.() !== 0
  if (refused) return { unavailable: 'Go is not installed' }
  const candidate = /Candidate: \d*:?(\S+)/.exec(run('apt-cache', ['policy', 'golang-go']).output)
  if (candidate === null)
    return { unavailable: 'Go is not installed, and no package of it is known' }
  if (!isNewEnough(candidate[1])) {
    return { unavailable: `Go is not installed, and the system's is ${candidate[1]}, too old` }
  }
  const packages = ['golang-go', 'ca-certificates']
  console.error(`installing system packages: ${packages.join(' ')}`)
  const apt = ['install', '-q', '-y', '--no-install-recommends', '--', ...packages]
  const installed = run('apt-get', apt, { env: { DEBIAN_FRONTEND: 'noninteractive' } })
  if (!installed.ok) return { unavailable: `installing Go failed: ${installed.problem}` }
  return { version: run('go', ['env', 'GOVERSION']).output.trim() }
}

function build() {
  const go = findGo()
  if (go.unavailable !== undefined) return go
  console.error(`building BuildKit ${VERSION} with ${go.version}: this takes minutes, once`)
  const started = Date.now()
  // Installed from within the module: its go.mod excludes versions, which Go takes from a main module only.
  const fetched = run('go', ['mod', 'download', '-json', `${MODULE}@v${VERSION}`])
  if (!fetched.ok) return { unavailable: `the module proxy does not answer: ${fetched.problem}` }
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'buildkit-'))
  try {
    const flags = ['-trimpath', '-ldflags', `-s -w -X ${MODULE}/version.Version=v${VERSION}`]
    const built = run('go', ['install', ...flags, ...PROGRAMS.map((name) => `./cmd/${name}`)], {
      cwd: JSON.parse(fetched.output).Dir,
      env: { GOBIN: fresh, GOFLAGS: '-mod=readonly', CGO_ENABLED: '0' },
    })
    if (!built.ok) return { unavailable: `building failed: ${built.problem}` }
    const minutes = Math.round((Date.now() - started) / 6000) / 10
    const result = { folder, version: VERSION, go: go.version, minutes }
    writeFileSync(join(fresh, 'built.json'), `${JSON.stringify(result)}\n`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
    return result
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function isCached() {
  return [record, ...PROGRAMS.map((name) => join(folder, name))].every((file) => existsSync(file))
}

/** What is there; built now where it is not and `build` says so. */
export function buildKit(options) {
  if (isCached()) return JSON.parse(readFileSync(record, 'utf8'))
  return options.build ? build() : { unavailable: 'it is not built yet: node .ci/buildkit.mjs' }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(buildKit({ build: !process.argv.includes('--cached') })))
}
