/**
 * The data folder: what a node owns on disk, and where each part stands.
 *
 * It is 0700 and the keys in it 0600; nothing in it is within reach of a build.
 */
import { mkdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Digest } from '../protocol/identifiers.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { ConfigError } from './config-error.ts'

export interface DataFolder {
  readonly root: string
  readonly config: string
  readonly policy: string
  /** Lists of operators that were imported. */
  readonly trustLists: string
  readonly projects: string
  /** Signs cards, and nothing else; may be kept elsewhere once the card is made. */
  readonly rootKey: string
  /** A raw root key that is to take the place of the present one. */
  readonly nextRootKey: string
  /** The public part of an SSH root key, whose private part is elsewhere. */
  readonly rootPublic: string
  readonly signingKey: string
  /** The signing key that is to take the place of the present one. */
  readonly nextSigningKey: string
  /** The number of the newest log that was opened under the signing key. */
  readonly logMark: string
  readonly peerKey: string
  /** The longest-lived peers, dialled first after a restart. */
  readonly anchors: string
  /** The own operator card, as its canonical binary statement. */
  readonly card: string
  readonly store: string
  readonly socket: string
  /** Build work folders; emptied at start. */
  readonly work: string
  /** Build logs by sha256. */
  readonly logs: string
}

export function dataFolder(root: string): DataFolder {
  const at = (...parts: string[]): string => join(root, ...parts)
  return {
    root,
    config: at('config.toml'),
    policy: at('policy.toml'),
    trustLists: at('trust-lists.json'),
    projects: at('projects'),
    rootKey: at('keys', 'root.key'),
    nextRootKey: at('keys', 'root.next.key'),
    rootPublic: at('keys', 'root.pub'),
    signingKey: at('keys', 'signing.key'),
    nextSigningKey: at('keys', 'signing.next.key'),
    logMark: at('keys', 'signing.log'),
    peerKey: at('keys', 'peer.key'),
    anchors: at('anchors.json'),
    card: at('card.bin'),
    store: at('store'),
    socket: at('node.sock'),
    work: at('work'),
    logs: at('logs'),
  }
}

/** Where the log with this digest is kept, if this machine made it. */
export function buildLogFile(folder: Pick<DataFolder, 'logs'>, logDigest: Digest): string {
  return join(folder.logs, `${logDigest.replace('sha256:', '')}.log`)
}

/** `--data`, REBUILDNET_DATA, else `$XDG_DATA_HOME/rebuildnet`. */
export function chooseDataFolder(flag: string | undefined, environment: NodeJS.ProcessEnv): string {
  const chosen = flag ?? environment.REBUILDNET_DATA
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  const base = environment.XDG_DATA_HOME ?? join(environment.HOME ?? homedir(), '.local', 'share')
  return join(base, 'rebuildnet')
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A file where a folder should be is for whoever makes or opens the folder to say.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    throw new ConfigError(
      'no-data-folder',
      `${path} may not be read by this user: run this as the user whom the data folder belongs to, or name another with --data`,
      { cause: error },
    )
  }
}

/** The folder's parts, or a ConfigError that says how to make one. */
export async function openDataFolder(root: string): Promise<DataFolder> {
  const folder = dataFolder(root)
  if (await exists(folder.signingKey)) return folder
  if ((await exists(folder.config)) || (await exists(folder.card))) {
    throw new ConfigError(
      'no-data-folder',
      `${folder.signingKey} is missing: restore it from a backup, or name another folder with --data`,
    )
  }
  throw new ConfigError(
    'no-data-folder',
    `${root} is no data folder: make one with "rebuildnet init" or name another with --data`,
  )
}

const CONFIG_TEMPLATE = `# rebuildnet configuration. What is commented out is the default.
format = 1

# network = "main"
# listen = ["/ip4/0.0.0.0/tcp/4801"]
# bootstrap = []            # "/dns4/node.example/tcp/4801/p2p/12D3Koo...", or "/dnsaddr/example.org":
                            # the nodes that TXT records of _dnsaddr.example.org list
# mdns = true               # find nodes in the local network
# announce = []             # addresses that others can dial, if this machine does not see them itself
# upnp = true               # ask the router to forward the port
# relay = false             # let nodes behind routers be reached through this one; needs announce
# peer_exchange = false     # tell nodes that ask of others: for bootstrap nodes
# network_key = ""          # file of the key of a private network ("rebuildnet network-key FILE")
# sync_interval = "10m"
# http = "127.0.0.1:4880"   # also serve the API here; it is always on the unix socket
# log_level = "warn"        # silent, error, warn, info, debug
# insecure = []             # hosts that may be plain http or private addresses
# webhooks = []             # URLs that alerts are posted to
# min_free_mb = 1024        # the store is read-only with less free space
# blind_votes = true        # commit to results of releases that are announced before their image is out
# blind_wait = "2h"         # the longest that a result waits for the commitments of others

[build]
# concurrency = 1
# timeout = "2h"
# memory_mb = 4096
# disk_mb = 20480
# processes = 4096
# cpus = 2
# log_mb = 16
# emulate = false           # also build for platforms that this machine must emulate
# schedule = []             # "22:00-06:00" or ["mon-fri 22:00-06:00", "sat,sun 00:00-24:00"]: local
                            # time in which builds may begin; the days are those on which it begins
# at_close = "finish"       # what runs when the hours are over: "finish" it, or "stop" and go on later
# replica_wait = "6h"       # how long others are given first where a project shares its work
# proxy = ""                # "http://cache.lan:3142": what builds fetch by plain http goes through it
# snapshot_archive_base = "" # "http://mirror.lan/archive/": from where builds get what they ask of
                            # http://snapshot.debian.org/archive/

[disk]
# budget_mb = 10240         # what logs of builds, kept trees and work folders that were left behind may
                            # hold; the longest unused go first, and nothing that is needed; 0: no limit
# log_age = "90d"           # how old logs of builds are that "rebuildnet prune" takes away

[prune]
# every = 0                 # "7d": prune by itself, as "rebuildnet prune" does
# older_than = "90d"        # what is younger stays
`

const POLICY_TEMPLATE = `# Whom you trust, and how many of them must agree. Nothing is trusted by default:
# "rebuildnet trust add CARD" adds an operator below.
format = 1

threshold = 2             # distinct operators that must have rebuilt the same digest
max_dissent = 0           # distinct operators that may have got another one
# max_silent = 0          # operators that may be silent; default a third of them
# max_age = "48h"
# min_groups = 1          # distinct groups among the supporters
accept = "normalized"     # weakest level that counts: exact, normalized or rootfs
freshness = "required"    # "off" allows without knowing whether someone's dissent is being hidden
`

/**
 * Makes a folder and what is missing above it. Not by mkdir's own `recursive`, which never returns
 * where the system says that an existing parent is not there (below /proc).
 */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> => mkdir(path, { mode: 0o700 })
  try {
    await make().catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
      await makeFolder(dirname(path))
      await make()
    })
  } catch (error) {
    if (error instanceof ConfigError) throw error
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isFolder(path))) return
    const reason = (error as Error).message
    throw new ConfigError(
      'no-data-folder',
      `${path} cannot be made (${reason}): choose another data folder with --data`,
      { cause: error },
    )
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory()
}

/** Makes the folder with its configuration files; refuses one that is there. */
export async function createDataFolder(root: string): Promise<DataFolder> {
  const folder = dataFolder(root)
  if (await exists(folder.signingKey)) {
    throw new ConfigError(
      'data-folder-exists',
      `${root} is a data folder already: its keys are never overwritten; choose another with --data`,
    )
  }
  for (const path of [root, join(root, 'keys'), folder.projects, folder.work, folder.logs]) {
    await makeFolder(path)
  }
  const files = [
    [folder.config, CONFIG_TEMPLATE],
    [folder.policy, POLICY_TEMPLATE],
  ] as const
  for (const [path, text] of files) {
    if (!(await exists(path))) await writeFileAtomic(path, text)
  }
  return folder
}
