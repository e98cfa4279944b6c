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
import { lstat, readlink } from 'node:fs/promises'
import { ENTER_SCRIPT, NETWORK_POWER } from './sandbox-script.ts'

/** What a command is confined to. All of it needs root. */
export interface Sandbox {
  /** Empty directory on which the new root is assembled; absent: only processes are confined. */
  readonly root?: string
  /** Directories and files that may be written. */
  readonly writable: readonly string[]
  /** Further ones that may be read. */
  readonly readable: readonly string[]
  /** False: an empty network namespace with only a loopback device in it. True: the machine's. */
  readonly network: boolean | JoinedNetwork
  /**
   * The first of 65536 user ids of this machine that stand for those of the command, which must
   * own what it is to read and write; needs a root. Absent: root in the sandbox is the machine's.
   */
  readonly ids?: number
  /** The command makes networks for its steps, and may set up what it is in. */
  readonly makesNetworks?: boolean
  /** What `nsenter --net` takes of the network that its steps are to be in; seen as STEPS_NETWORK. */
  readonly stepsNetwork?: string
}

/** Where a daemon finds the network that its steps are to join. */
export const STEPS_NETWORK = '/run/steps-network'

/** A network namespace that is there already. */
export interface JoinedNetwork {
  /** What `nsenter --net` takes. */
  readonly path: string
  /** Text of files that take the place of the machine's, by path: they say who is where. */
  readonly files: Readonly<Record<string, string>>
}

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

/** The argv that runs \`command\` in \`sandbox\`. The namespaces die with their creator. */
export async function enterSandbox(
  sandbox: Sandbox,
  command: readonly string[],
  cwd: string,
): Promise<string[]> {
  const { network } = sandbox
  const joined = typeof network === 'object'
  const namespaces = ['--pid', '--fork', '--kill-child']
  if (sandbox.root === undefined) namespaces.push('--mount-proc')
  else namespaces.push('--mount', '--ipc')
  if (network === false) namespaces.push('--net')
  const mounts = sandbox.root === undefined ? [] : await listMounts(sandbox)
  return [
    // If the node itself is killed, so is unshare, and with it all that is inside.
    ...['setpriv', '--pdeathsig', 'KILL', '--'],
    ...(joined ? ['nsenter', `--net=${network.path}`, '--'] : []),
    ...['unshare', ...namespaces, '--'],
    ...['/bin/sh', '-c', ENTER_SCRIPT, 'rebuildnet-sandbox'],
    ...[network === false ? 'none' : 'given', sandbox.root ?? ''],
    ...[sandbox.ids === undefined ? '' : String(sandbox.ids), cwd],
    ...[sandbox.makesNetworks === true ? NETWORK_POWER : '', ...mounts, '--', ...command],
  ]
}

async function listMounts(sandbox: Sandbox): Promise<string[]> {
  const files = typeof sandbox.network === 'object' ? sandbox.network.files : {}
  const mounts = Object.entries(files).flatMap(([path, text]) => ['text', text, path])
  for (const path of [...PROGRAMS, ...SYSTEM_FILES]) {
    if (Object.hasOwn(files, path)) continue
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
  if (sandbox.stepsNetwork !== undefined) mounts.push('rw', sandbox.stepsNetwork, STEPS_NETWORK)
  return mounts
}

/** PATH of every command that a build runs: the system's own folders, in no user's control. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
