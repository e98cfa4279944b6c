/**
 * What a build command can see and touch.
 *
 * Isolation by chroot, the only one that works on every machine, hides neither the host's files
 * nor its devices from root. So the builder itself is started in namespaces of its own: a process
 * namespace in which nothing outlives the build, and a mount namespace whose root is assembled
 * from the system's programs (read-only), a handful of files from /etc, six harmless devices, and
 * the build's work folder. Keys, home folders and disks are not in it. What a machine cannot give
 * is reported, never passed over in silence. node/rebuild/README.md, node/README.md T15.
 */
import { spawn } from 'node:child_process'
import { lstat, mkdtemp, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a command is confined to. Both need root. */
export interface Sandbox {
  /** Empty directory on which the new root is assembled; absent: only processes are confined. */
  readonly root?: string
  /** Directories and files that may be written. */
  readonly writable: readonly string[]
  /** Further ones that may be read. */
  readonly readable: readonly string[]
  /** False: an empty network namespace with only a loopback device in it. */
  readonly network: boolean
}

export type SandboxFeature = 'processes' | 'view' | 'network'

const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix', '/gnu']

/** Whether every sandbox shows this path anyway. */
export function isSystemProgram(path: string): boolean {
  return PROGRAMS.some((folder) => path.startsWith(`${folder}/`))
}

/** What name resolution, TLS and user lookup need. No keys: /etc/ssl/private and shadow stay out. */
const SYSTEM_FILES = [
  '/etc/alternatives',
  '/etc/ca-certificates',
  '/etc/gai.conf',
  '/etc/group',
  '/etc/host.conf',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/localtime',
  '/etc/mime.types',
  '/etc/nsswitch.conf',
  '/etc/os-release',
  '/etc/passwd',
  '/etc/pki/ca-trust',
  '/etc/pki/tls/certs',
  '/etc/protocols',
  '/etc/resolv.conf',
  '/etc/services',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/subgid',
  '/etc/subuid',
]

const DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero'].map((name) => `/dev/${name}`)

/**
 * Runs as the first process of the new namespaces and stays, to reap what the build orphans. The
 * text is fixed: paths and the command come as positional parameters and are never parsed.
 */
const ENTER = `set -eu
umask 022
network=$1 root=$2 cwd=$3
shift 3
if [ "$network" = none ]; then ip link set lo up || true; fi
if [ -n "$root" ]; then
  mount -t tmpfs -o mode=755,size=16m tmpfs "$root"
  while [ "$1" != -- ]; do
    mode=$1 from=$2 to=$root$3
    shift 3
    mkdir -p "\${to%/*}"
    if [ "$mode" = link ]; then ln -s "$from" "$to"; continue; fi
    if [ -d "$from" ]; then mkdir -p "$to"; else : > "$to"; fi
    mount --bind "$from" "$to"
    if [ "$mode" = ro ]; then mount -o remount,bind,ro "$to"; fi
  done
  cd "$root"
  mkdir -p proc sys tmp run var/tmp root dev/pts dev/shm .old
  chmod 1777 tmp var/tmp
  mount -t proc proc proc
  for path in proc/sys proc/sysrq-trigger proc/irq proc/bus proc/fs; do
    if [ -e "$path" ]; then mount --bind "$path" "$path"; mount -o remount,bind,ro "$path"; fi
  done
  mount --bind /sys sys
  mount -o remount,bind,ro sys
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  ln -s fd/0 dev/stdin
  ln -s fd/1 dev/stdout
  ln -s fd/2 dev/stderr
  pivot_root . .old
  umount -l /.old
  rmdir /.old
fi
shift
cd "$cwd"
"$@"
exit $?`

/** The argv that runs \`command\` in \`sandbox\`. The namespaces die with their creator. */
export async function enterSandbox(
  sandbox: Sandbox,
  command: readonly string[],
  cwd: string,
): Promise<string[]> {
  const namespaces = ['--pid', '--fork', '--kill-child']
  if (sandbox.root === undefined) namespaces.push('--mount-proc')
  else namespaces.push('--mount', '--ipc')
  if (!sandbox.network) namespaces.push('--net')
  const mounts = sandbox.root === undefined ? [] : await listMounts(sandbox)
  return [
    // If the node itself is killed, so is unshare, and with it all that is inside.
    ...['setpriv', '--pdeathsig', 'KILL', '--', 'unshare', ...namespaces, '--'],
    ...['/bin/sh', '-c', ENTER, 'rebuildnet-sandbox'],
    ...[sandbox.network ? 'host' : 'none', sandbox.root ?? '', cwd, ...mounts, '--', ...command],
  ]
}

async function listMounts(sandbox: Sandbox): Promise<string[]> {
  const mounts: string[] = []
  for (const path of [...PROGRAMS, ...SYSTEM_FILES]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats === undefined) continue
    // /bin is a link into /usr on most systems; /etc/resolv.conf may be one into /run.
    if (stats.isSymbolicLink() && PROGRAMS.includes(path)) {
      mounts.push('link', await readlink(path), path)
    } else {
      mounts.push('ro', path, path)
    }
  }
  for (const path of DEVICES) mounts.push('rw', path, path)
  for (const path of sandbox.readable) mounts.push('ro', path, path)
  for (const path of sandbox.writable) mounts.push('rw', path, path)
  return mounts
}

let probed: Promise<ReadonlySet<SandboxFeature>> | undefined

/** What this machine and user can give; tried once in the life of the process. */
export async function probeSandbox(): Promise<ReadonlySet<SandboxFeature>> {
  probed ??= probe()
  return probed
}

async function probe(): Promise<ReadonlySet<SandboxFeature>> {
  const features = new Set<SandboxFeature>()
  if (process.getuid?.() !== 0) return features
  const root = await mkdtemp(join(tmpdir(), 'rebuildnet-probe-'))
  const none = { writable: [], readable: [] }
  try {
    if (await works({ ...none, network: true })) features.add('processes')
    if (await works({ ...none, network: true, root })) features.add('view')
    if (await works({ ...none, network: false })) features.add('network')
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return features
}

async function works(sandbox: Sandbox): Promise<boolean> {
  const [file = '', ...args] = await enterSandbox(sandbox, ['true'], '/')
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: 'ignore',
      env: { PATH: SYSTEM_PATH },
      timeout: 10_000,
    })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}

/** PATH of every command that a build runs: the system's own folders, in no user's control. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
