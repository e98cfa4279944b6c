/**
 * The programs that this project needs from the system, and how they come onto it.
 *
 * One list for each purpose. What is missing is installed where that is ours to do: as root, on
 * Debian or Ubuntu, with the packages named first, and never where the user has refused. Otherwise
 * the one command to type is printed, and the work goes on without what needs the tool.
 */
import { spawn } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'

export type Purpose = 'node' | 'demo' | 'test'

export interface Tool {
  /** What is looked for: a program on PATH or in the system's sbin folders, or an absolute path. */
  readonly name: string
  /** The Debian package that brings it. */
  readonly package: string
  /** What cannot be done without it, as words that follow "skipped:". */
  readonly needed: string
}

const NODE: readonly Tool[] = [
  { name: 'git', package: 'git', needed: 'fetching sources' },
  { name: 'buildah', package: 'buildah', needed: 'rebuilding' },
  { name: 'runc', package: 'runc', needed: 'rebuilding' },
  { name: 'newuidmap', package: 'uidmap', needed: 'rebuilding without root' },
  { name: 'unshare', package: 'util-linux', needed: 'confining builds' },
  { name: 'mount', package: 'mount', needed: 'confining builds' },
  { name: 'ip', package: 'iproute2', needed: 'builds without a network' },
  {
    name: '/etc/ssl/certs/ca-certificates.crt',
    package: 'ca-certificates',
    needed: 'fetching over https',
  },
]

const DEMO: readonly Tool[] = [
  ...NODE,
  { name: 'docker-registry', package: 'docker-registry', needed: 'everything with a registry' },
  { name: 'skopeo', package: 'skopeo', needed: 'publishing images' },
  { name: 'busybox', package: 'busybox-static', needed: 'the small base image' },
]

const TEST: readonly Tool[] = [
  ...DEMO,
  { name: 'dockerd', package: 'docker.io', needed: 'tests of the builder docker' },
  { name: 'docker', package: 'docker.io', needed: 'tests of the builder docker' },
  { name: 'podman', package: 'podman', needed: 'tests of the builder podman' },
  { name: 'ssh-keygen', package: 'openssh-client', needed: 'SSH keys and signatures of OpenSSH' },
  { name: 'iptables', package: 'iptables', needed: 'tests over broken networks' },
  { name: 'mmdebstrap', package: 'mmdebstrap', needed: 'the end-to-end test with a Debian image' },
  { name: 'bsdtar', package: 'libarchive-tools', needed: 'layers that libarchive writes' },
  { name: 'python3', package: 'python3', needed: 'the second reading of layers' },
  { name: 'umoci', package: 'umoci', needed: 'the second reading of flattened images' },
  { name: 'gzip', package: 'gzip', needed: 'layers that gzip compresses' },
  { name: 'pigz', package: 'pigz', needed: 'layers that pigz compresses' },
  { name: 'zstd', package: 'zstd', needed: 'layers that zstd compresses' },
  { name: 'igzip', package: 'isal', needed: 'a second inflater for layers' },
  { name: 'igzip', package: 'isal', needed: 'layers that igzip inflates' },
]

const TOOLS: Readonly<Record<Purpose, readonly Tool[]>> = { node: NODE, demo: DEMO, test: TEST }

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']

/** What `purpose` needs. */
export function requiredTools(purpose: Purpose): readonly Tool[] {
  return TOOLS[purpose]
}

/** What `purpose` needs and this machine does not have. A few file look-ups, no process. */
export function missingTools(purpose: Purpose): readonly Tool[] {
  return TOOLS[purpose].filter((tool) => findTool(tool.name) === undefined)
}

/** Where a tool is, or undefined. */
export function findTool(name: string): string | undefined {
  if (name.startsWith('/')) return existsSync(name) ? name : undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path) && (name !== 'busybox' || isStatic(path)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A busybox that needs the host's libraries is no base image: it names no loader in its header. */
function isStatic(path: string): boolean {
  const head = Buffer.alloc(4096)
  const file = openSync(path, 'r')
  try {
    return !head.subarray(0, readSync(file, head)).includes('/ld-')
  } finally {
    closeSync(file)
  }
}

export class MissingToolsError extends Error {
  override readonly name = 'MissingToolsError'
  readonly code = 'tools-missing'
  readonly tools: readonly Tool[]

  constructor(tools: readonly Tool[], message: string) {
    super(message)
    this.tools = tools
  }
}

export interface EnsureOptions {
  /** False where the user has refused; REBUILDNET_NO_INSTALL=1 refuses as well. */
  readonly install: boolean
  /** Takes each line for the user. */
  readonly say: (line: string) => void
}

/**
 * Installs what is missing where it may, and returns what is missing still. In CI (`CI=true`) that
 * is an error: nothing may be skipped there.
 */
export async function ensureTools(
  purpose: Purpose,
  { install, say }: EnsureOptions,
): Promise<readonly Tool[]> {
  const missing = missingTools(purpose)
  if (missing.length === 0) return []
  const refused = !install || process.env.REBUILDNET_NO_INSTALL === '1'
  if (!refused && canInstall()) {
    say(`installing system packages: ${packagesOf(missing).join(' ')}`)
    const problem = await installPackages(packagesOf(missing))
    if (problem !== undefined) say(`installing failed: ${problem}`)
  }
  const left = missingTools(purpose)
  if (left.length === 0) return left
  say(`missing: ${left.map(({ name }) => name).join(', ')}. To install: ${installCommand(left)}`)
  for (const tool of left) say(`without ${tool.name}, skipped: ${tool.needed}`)
  if (process.env.CI === 'true') {
    throw new MissingToolsError(
      left,
      `in CI nothing may be skipped, and these are missing: ${left.map(({ name }) => name).join(', ')}`,
    )
  }
  return left
}

function packagesOf(tools: readonly Tool[]): readonly string[] {
  return [...new Set(tools.map((tool) => tool.package))].sort()
}

/** The one command to type. */
export function installCommand(tools: readonly Tool[]): string {
  const packages = packagesOf(tools).join(' ')
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages}`
  if (!isDebian()) return `install ${packages} with this system's package manager`
  return process.getuid?.() === 0 ? line : `sudo sh -c '${line}'`
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isDebian() && findTool('apt-get') !== undefined
}

function isDebian(): boolean {
  try {
    const text = readFileSync('/etc/os-release', 'utf8')
    return /^ID(?:_LIKE)?=.*\b(?:debian|ubuntu)\b/m.test(text)
  } catch {
    return false
  }
}

/** Undefined, or why it failed the second time. */
async function installPackages(packages: readonly string[]): Promise<string | undefined> {
  const options = ['-q', '-y', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120']
  let problem: string | undefined
  // Mirrors change under one's feet: what an update lists may be gone a moment later.
  for (let attempt = 0; attempt < 2; attempt++) {
    problem =
      (await aptGet([...options, 'update'])) ??
      (await aptGet([...options, 'install', '--no-install-recommends', '--', ...packages]))
    if (problem === undefined) return undefined
  }
  return problem
}

async function aptGet(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: [process.env.PATH ?? '', ...SYSTEM_FOLDERS].join(delimiter),
        DEBIAN_FRONTEND: 'noninteractive',
        LC_ALL: 'C.UTF-8',
      },
    })
    let output = ''
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-64 * 1024)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : reasonIn(output, code)))
  })
}

/** apt puts its errors on lines of their own, the first of which says most. */
function reasonIn(output: string, code: number | null): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  return (
    lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? `exit code ${code ?? 'none'}`
  )
}
