/**
 * Every command's name and summary, and where the rest of it is.
 *
 * Only the command that is called is loaded, so that asking costs no more than it must.
 */
import type { Command } from 'commander'
import type { Context } from './context.ts'

/** Runs an action with its context and turns what it returns into the exit code. */
export type Bind = <Options>(
  command: Command,
  action: (call: Call<Options>) => Promise<number>,
) => void

interface Call<Options> {
  readonly context: Context
  readonly options: Options
  /** Arguments by position; undefined where an optional one is missing. */
  readonly args: readonly (string | undefined)[]
}

interface CommandModule {
  /** Adds arguments, options, examples and the action to the command. */
  define(command: Command, bind: Bind): void
}

export interface CommandEntry {
  readonly name: string
  readonly group: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
}

const LIFE = "A node's life:"
const PROJECTS = 'Projects and releases:'
const REBUILDING = 'Rebuilding:'
const IMAGES = 'Images on this machine:'
const ASKING = 'Asking:'
const OTHERS = 'Others:'

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    group: LIFE,
    summary: 'make a data folder: keys, operator card, configuration',
    load: () => import('./command/init.ts'),
  },
  {
    name: 'start',
    group: LIFE,
    summary: 'run the node',
    load: () => import('./command/start.ts'),
  },
  {
    name: 'status',
    group: LIFE,
    summary: 'who this node is and what it is doing',
    load: () => import('./command/status.ts'),
  },
  {
    name: 'doctor',
    group: LIFE,
    summary: 'check what this machine can do',
    load: () => import('./command/doctor.ts'),
  },
  {
    name: 'fsck',
    group: LIFE,
    summary: 'check the store, and mend it',
    load: () => import('./command/fsck.ts'),
  },
  {
    name: 'key',
    group: LIFE,
    summary: 'back up the keys of this node, restore them, show them',
    load: () => import('./command/key.ts'),
  },
  {
    name: 'prune',
    group: LIFE,
    summary: 'let go of what no verdict needs',
    load: () => import('./command/prune.ts'),
  },
  {
    name: 'demo',
    group: LIFE,
    summary: 'the main job, on this machine, in a few minutes',
    load: () => import('./command/demo.ts'),
  },
  {
    name: 'follow',
    group: PROJECTS,
    summary: 'follow a project, after showing what that means',
    load: () => import('./command/follow.ts'),
  },
  {
    name: 'unfollow',
    group: PROJECTS,
    summary: 'stop following a project',
    load: () => import('./command/unfollow.ts'),
  },
  {
    name: 'projects',
    group: PROJECTS,
    summary: 'the followed projects',
    load: () => import('./command/projects.ts'),
  },
  {
    name: 'project',
    group: PROJECTS,
    summary: 'write a project file, or check that one pins everything',
    load: () => import('./command/project.ts'),
  },
  {
    name: 'releases',
    group: PROJECTS,
    summary: 'announced releases and their verdicts',
    load: () => import('./command/releases.ts'),
  },
  {
    name: 'stats',
    group: PROJECTS,
    summary: 'time to quorum, agreement and build times of projects',
    load: () => import('./command/stats.ts'),
  },
  {
    name: 'announce',
    group: PROJECTS,
    summary: 'sign and publish a release',
    load: () => import('./command/announce.ts'),
  },
  {
    name: 'watch',
    group: PROJECTS,
    summary: 'new tags that this node announces by itself',
    load: () => import('./command/watch.ts'),
  },
  {
    name: 'withdraw',
    group: PROJECTS,
    summary: 'take back a release or a result of this node',
    load: () => import('./command/withdraw.ts'),
  },
  {
    name: 'rebuild',
    group: REBUILDING,
    summary: 'put a release on the queue, or show how it would be built',
    load: () => import('./command/rebuild.ts'),
  },
  {
    name: 'queue',
    group: REBUILDING,
    summary: 'rebuilds that wait, run, or are done',
    load: () => import('./command/queue.ts'),
  },
  {
    name: 'log',
    group: REBUILDING,
    summary: 'what this node has published',
    load: () => import('./command/log.ts'),
  },
  {
    name: 'normalize',
    group: IMAGES,
    summary: 'the normalized digest of an image or a layer',
    load: () => import('./command/normalize.ts'),
  },
  {
    name: 'diff',
    group: IMAGES,
    summary: 'what differs between two images',
    load: () => import('./command/diff.ts'),
  },
  {
    name: 'verify',
    group: ASKING,
    summary: 'have enough operators whom I trust rebuilt this image?',
    load: () => import('./command/verify.ts'),
  },
  {
    name: 'explain',
    group: ASKING,
    summary: 'who said what about an image',
    load: () => import('./command/explain.ts'),
  },
  {
    name: 'wait',
    group: ASKING,
    summary: 'wait until an image is decided',
    load: () => import('./command/wait.ts'),
  },
  {
    name: 'export',
    group: ASKING,
    summary: 'the evidence for an image as one file',
    load: () => import('./command/export.ts'),
  },
  {
    name: 'import',
    group: ASKING,
    summary: 'take in evidence from a file',
    load: () => import('./command/import.ts'),
  },
  {
    name: 'alerts',
    group: ASKING,
    summary: 'changes of verdict that somebody should look at',
    load: () => import('./command/alerts.ts'),
  },
  {
    name: 'trust',
    group: OTHERS,
    summary: 'whose rebuilds count',
    load: () => import('./command/trust.ts'),
  },
  {
    name: 'operator',
    group: OTHERS,
    summary: 'the own card: keys, renewal, a second node, revocation',
    load: () => import('./command/operator.ts'),
  },
  {
    name: 'card',
    group: OTHERS,
    summary: 'write the own operator card, for others to trust',
    load: () => import('./command/card.ts'),
  },
  {
    name: 'network-key',
    group: OTHERS,
    summary: 'make the key of a private network',
    load: () => import('./command/network-key.ts'),
  },
  {
    name: 'peers',
    group: OTHERS,
    summary: 'nodes that this one is connected to',
    load: () => import('./command/peers.ts'),
  },
]
