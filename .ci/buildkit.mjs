/**
 * BuildKit for the tests (buildkitd and buildctl), and buildx for Docker, built by Go from the
 * module proxy and kept.
 *
 *   node .ci/buildkit.mjs            builds what is not there yet, and prints where it is
 *   node .ci/buildkit.mjs --cached   only says whether it is there
 *
 * Debian 12 has no package of either. What is printed is one line of JSON for each: `name`, `folder`,
 * `version`, `go` and `minutes`, or `unavailable` with the reason, which is the one thing that keeps
 * the tests of BuildKit from being run.
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

/** The version of BuildKit that the recipes of this project pin. */
const VERSION = '0.23.2'
/** The buildx that was released with it. */
const BUILDX_VERSION = '0.25.0'
const KITS = [
  {
    name: 'buildkit',
    version: VERSION,
    module: 'github.com/moby/buildkit',
    programs: ['buildkitd', 'buildctl'],
  },
  {
    name: 'buildx',
    version: BUILDX_VERSION,
    module: 'github.com/docker/buildx',
    programs: ['buildx'],
  },
]
/** The first Go that fetches by itself the newer one that a module asks for. */
const OLDEST_GO = [1, 21]
const TIMEOUT_MS = 30 * 60 * 1000

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rebuildnet')
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

function folderOf({ name, version }) {
  return join(cache, `${name}-${version}`)
}

function build(kit) {
  const { name, version, module, programs } = kit
  const go = findGo()
  if (go.unavailable !== undefined) return { name, ...go }
  console.error(`building ${name} ${version} with ${go.version}: this takes minutes, once`)
  const started = Date.now()
  // Installed from within the module: its go.mod excludes versions, which Go takes from a main module only.
  const fetched = run('go', ['mod', 'download', '-json', `${module}@v${version}`])
  if (!fetched.ok) {
    return { name, unavailable: `the module proxy does not answer: ${fetched.problem}` }
  }
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, `${name}-`))
  try {
    const flags = ['-trimpath', '-ldflags', `-s -w -X ${module}/version.Version=v${version}`]
    const built = run('go', ['install', ...flags, ...programs.map((each) => `./cmd/${each}`)], {
      cwd: JSON.parse(fetched.output).Dir,
      env: { GOBIN: fresh, GOFLAGS: '-mod=readonly', CGO_ENABLED: '0' },
    })
    if (!built.ok) return { name, unavailable: `building failed: ${built.problem}` }
    const minutes = Math.round((Date.now() - started) / 6000) / 10
    const folder = folderOf(kit)
    const result = { name, folder, version, go: go.version, minutes }
    writeFileSync(join(fresh, 'built.json'), `${JSON.stringify(result)}\n`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
    return result
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

/** What is there; built now where it is not and `mayBuild`. */
function find(kit, mayBuild) {
  const record = join(folderOf(kit), 'built.json')
  const files = [record, ...kit.programs.map((each) => join(folderOf(kit), each))]
  if (files.every((file) => existsSync(file))) return JSON.parse(readFileSync(record, 'utf8'))
  if (mayBuild) return build(kit)
  return { name: kit.name, unavailable: 'it is not built yet: node .ci/buildkit.mjs' }
}

for (const kit of KITS) {
  console.log(JSON.stringify(find(kit, !process.argv.includes('--cached'))))
}
