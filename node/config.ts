/**
 * The node's configuration: flags over environment (`REBUILDNET_*`) over config.toml over defaults.
 *
 * An unknown key is an error that names it: a misspelt limit that is silently ignored is no limit.
 */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { issueWords } from '../protocol/issue-words.ts'
import { builderTables, readBuilders, type BuilderConfig } from './builder-config.ts'
import { ConfigError } from './config-error.ts'
import { parseDuration } from './duration.ts'
import { routeProblem, type EgressRoutes } from './rebuild/egress/route.ts'
import { parseScheduleWindow, type ScheduleWindow } from './rebuild/schedule.ts'
import { parseToml, placeIn, readOptional } from './toml-file.ts'
import type { TomlPath } from './toml-place.ts'

const CONFIG_FORMAT = 1

interface BuildConfig {
  /** Builds at once. */
  readonly concurrency: number
  /** Longest one build may take, in seconds. */
  readonly timeoutSeconds: number
  readonly memoryMb: number
  readonly diskMb: number
  /** Processes in one build. */
  readonly processes: number
  readonly cpus: number
  /** Longest build log that is kept, in MB; the rest is cut with a mark. */
  readonly logMb: number
  /** Also build for platforms that this machine must emulate. */
  readonly emulate: boolean
  /** Windows of local time in which builds may begin; none: at any time. */
  readonly schedule: readonly ScheduleWindow[]
  /** What happens to builds that run when the last window closes. */
  readonly atClose: 'finish' | 'stop'
  /** How long others are given first where a project shares its work, in seconds. */
  readonly replicaWaitSeconds: number
  /** What stands before archives, for what builds fetch by plain HTTP. */
  readonly routes: EgressRoutes
}

interface DiskConfig {
  /** What logs, kept trees and work folders that were left behind may hold, in MB; 0: no limit. */
  readonly budgetMb: number
  /** Longest that the log of a build is kept, in seconds. */
  readonly logAgeSeconds: number
}

interface PruneConfig {
  /** Time between two prunings that the node makes by itself, in seconds; 0: none. */
  readonly everySeconds: number
  /** What is younger stays, in seconds. */
  readonly olderThanSeconds: number
}

export interface Config {
  /** Name of the network; nodes of different networks exchange nothing. */
  readonly network: string
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs, with peer id, of nodes to find others through. */
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  /** Multiaddrs that others can dial, where those of this machine's own interfaces are not. */
  readonly announce: readonly string[]
  /** Let nodes behind routers be reached through this one. */
  readonly relay: boolean
  /** Tell nodes that ask of others: for bootstrap nodes. */
  readonly peerExchange: boolean
  /** Ask the router to forward the port. */
  readonly upnp: boolean
  /** File of the key of a private network. */
  readonly networkKey?: string
  /** Time between two rounds of sync, in seconds. */
  readonly syncIntervalSeconds: number
  /** `127.0.0.1:PORT` to serve the HTTP API on beside the unix socket. */
  readonly http?: string
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info' | 'debug'
  /** Hosts (`host[:port]`) that may be plain http or private addresses. */
  readonly insecure: readonly string[]
  /** Where alerts are posted. */
  readonly webhooks: readonly string[]
  /** Free space under which the store is read-only, in MB. */
  readonly minFreeMb: number
  /** Commit to results of blind releases before they are said. */
  readonly blindVotes: boolean
  /** Longest time between the two, in seconds. */
  readonly blindWaitSeconds: number
  /** Time for late commitments once there are enough, in seconds. */
  readonly blindSettleSeconds: number
  /** Operators of the policy that must be committed; its threshold where absent. */
  readonly blindCommitments?: number
  readonly build: BuildConfig
  readonly builders: BuilderConfig
  readonly disk: DiskConfig
  readonly prune: PruneConfig
}

const DAY = 86_400

export const defaultConfig: Config = Object.freeze({
  network: 'main',
  listen: ['/ip4/0.0.0.0/tcp/4801'],
  bootstrap: [],
  mdns: true,
  announce: [],
  relay: false,
  peerExchange: false,
  upnp: true,
  syncIntervalSeconds: 600,
  logLevel: 'warn' as const,
  insecure: [],
  webhooks: [],
  minFreeMb: 1024,
  blindVotes: true,
  blindWaitSeconds: 2 * 3600,
  blindSettleSeconds: 60,
  build: Object.freeze({
    concurrency: 1,
    timeoutSeconds: 2 * 3600,
    memoryMb: 4096,
    diskMb: 20_480,
    processes: 4096,
    cpus: 2,
    logMb: 16,
    emulate: false,
    schedule: [],
    atClose: 'finish' as const,
    replicaWaitSeconds: 6 * 3600,
    routes: Object.freeze({}),
  }),
  builders: Object.freeze({ buildkit: [] }),
  disk: Object.freeze({ budgetMb: 10_240, logAgeSeconds: 90 * DAY }),
  prune: Object.freeze({ everySeconds: 0, olderThanSeconds: 90 * DAY }),
})

const duration = z.string().transform((text, context) => {
  const seconds = parseDuration(text)
  if (seconds !== undefined) return seconds
  context.addIssue({ code: 'custom', message: 'is no duration such as "90s", "10m" or "48h"' })
  return z.NEVER
})
const durationOrNone = z.union([z.literal(0).transform(() => 0), duration])
const schedule = z
  .union([z.string(), z.array(z.string())])
  .transform((texts, context): readonly ScheduleWindow[] => {
    const windows: ScheduleWindow[] = []
    for (const text of [texts].flat()) {
      const window = parseScheduleWindow(text)
      if (window !== undefined) windows.push(window)
      else {
        const message = `has "${text}", which is no window such as "22:00-06:00" or "mon-fri 22:00-06:00"`
        context.addIssue({ code: 'custom', message })
      }
    }
    return windows
  })
const route = (kind: keyof EgressRoutes) =>
  z.string().check((context) => {
    const message = routeProblem(kind, context.value)
    if (message !== undefined)
      context.issues.push({ code: 'custom', message, input: context.value })
  })
const count = z.number().int().min(1).max(1_000_000)

const schema = z.strictObject({
  format: z.literal(CONFIG_FORMAT).optional(),
  network: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'is no name of a network')
    .optional(),
  listen: z.array(z.string()).optional(),
  bootstrap: z.array(z.string()).optional(),
  mdns: z.boolean().optional(),
  announce: z.array(z.string()).optional(),
  relay: z.boolean().optional(),
  peer_exchange: z.boolean().optional(),
  upnp: z.boolean().optional(),
  network_key: z.string().min(1).optional(),
  sync_interval: duration.optional(),
  http: z
    .string()
    .regex(/^127\.0\.0\.1:[0-9]{1,5}$/, 'must be 127.0.0.1:PORT')
    .optional(),
  log_level: z.enum(['silent', 'error', 'warn', 'info', 'debug']).optional(),
  insecure: z.array(z.string()).optional(),
  webhooks: z.array(z.url().regex(/^https?:/, 'must be an http:// or https:// URL')).optional(),
  min_free_mb: z.number().int().min(0).optional(),
  blind_votes: z.boolean().optional(),
  blind_wait: duration.optional(),
  blind_settle: duration.optional(),
  blind_commitments: z.number().int().min(1).optional(),
  build: z
    .strictObject({
      concurrency: z.number().int().min(1).max(64).optional(),
      timeout: duration.optional(),
      memory_mb: count.optional(),
      disk_mb: count.optional(),
      processes: count.optional(),
      cpus: z.number().min(0.1).max(1024).optional(),
      log_mb: count.optional(),
      emulate: z.boolean().optional(),
      schedule: schedule.optional(),
      at_close: z.enum(['finish', 'stop']).optional(),
      replica_wait: duration.optional(),
      proxy: route('proxy').optional(),
      snapshot_archive_base: route('snapshotArchiveBase').optional(),
    })
    .optional(),
  ...builderTables,
  disk: z
    .strictObject({
      budget_mb: z.number().int().min(0).max(1_000_000_000).optional(),
      log_age: duration.optional(),
    })
    .optional(),
  prune: z
    .strictObject({ every: durationOrNone.optional(), older_than: duration.optional() })
    .optional(),
})

/** Tables of the file; in flags their keys are dotted. */
const SECTIONS = ['build', 'disk', 'prune'] as const
type Section = (typeof SECTIONS)[number]

type Layer = z.output<typeof schema>

/** A setting from outside the file: `listen` and `sync_interval` as in config.toml, `build.timeout` dotted. */
export type ConfigFlags = Readonly<Record<string, unknown>>

/** How somebody types what is called so in the file: the table is said only where the key says too little. */
function flagName(path: TomlPath): string {
  const inSection = SECTIONS.some((section) => section === path[0])
  const name = path.slice(0, inSection ? 2 : 1).join('.')
  if (name === 'build.proxy') return '--build-proxy'
  if (name === 'webhooks') return '--webhook'
  return `--${name.slice(name.indexOf('.') + 1).replaceAll('_', '-')}`
}

/** `where` says what an error is about: a file and the line of the key in it, or where else it was set. */
function parseLayer(
  value: unknown,
  where: (path: TomlPath) => string,
  nameOf = (path: TomlPath): string => path.join('.'),
): Layer {
  const format = (value as { format?: unknown }).format
  if (typeof format === 'number' && format > CONFIG_FORMAT) {
    throw new ConfigError(
      'newer-format',
      `${where([])} is of format ${format}, this rebuildnet reads ${CONFIG_FORMAT}: update rebuildnet`,
    )
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = (issue?.path ?? []) as TomlPath
  if (issue?.code === 'unrecognized_keys') {
    const unknown = [...path, issue.keys[0] ?? '']
    const section = SECTIONS.find((name) => name === issue.path[0])
    const keys = section === undefined ? schema.shape : keysOf(section)
    throw new ConfigError(
      'unknown-key',
      `${where(unknown)}: unknown key "${unknown.join('.')}"; known: ${Object.keys(keys).join(', ')}`,
    )
  }
  throw new ConfigError('bad-value', `${where(path)}: "${nameOf(path)}" ${issueWords(issue)}`)
}

function keysOf(section: Section): object {
  return schema.shape[section].unwrap().shape
}

const LISTS = new Set(['listen', 'bootstrap', 'announce', 'insecure', 'webhooks', 'schedule'])

/** `REBUILDNET_SYNC_INTERVAL`, `REBUILDNET_BUILD_TIMEOUT`… as a layer; lists are comma-separated. */
function environmentLayer(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const flags: Record<string, unknown> = {}
  const read = (key: string, variable: string, flag = key): void => {
    const text = environment[`REBUILDNET_${variable.toUpperCase()}`]
    if (text !== undefined) flags[flag] = readText(key, text)
  }
  const known = Object.keys(schema.shape)
  const elsewhere: readonly string[] = [...SECTIONS, ...Object.keys(builderTables), 'format']
  for (const key of known.filter((name) => !elsewhere.includes(name))) {
    read(key, key)
  }
  for (const section of SECTIONS) {
    for (const key of Object.keys(keysOf(section))) {
      read(key, `${section}_${key}`, `${section}.${key}`)
    }
  }
  return flagLayer(flags)
}

function readText(key: string, text: string): unknown {
  // Days of a window have commas of their own.
  if (LISTS.has(key)) {
    const parts = key === 'schedule' ? text.split(';') : text.split(',')
    return text === '' ? [] : parts.map((item) => item.trim())
  }
  if (text === 'true' || text === 'false') return text === 'true'
  return /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text
}

function flagLayer(flags: ConfigFlags): Record<string, unknown> {
  const layer: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const section = SECTIONS.find((each) => name.startsWith(`${each}.`))
    if (section === undefined) layer[name] = value
    else {
      const table = (layer[section] ??= {}) as Record<string, unknown>
      table[name.slice(section.length + 1)] = value
    }
  }
  return layer
}

export interface ConfigSources {
  readonly dataFolder: string
  readonly environment?: NodeJS.ProcessEnv
  readonly flags?: ConfigFlags
}

export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const path = join(sources.dataFolder, 'config.toml')
  const text = (await readOptional(path)) ?? ''
  const layers = [
    parseLayer(parseToml(text, path), (key) => placeIn(path, text, key)),
    parseLayer(environmentLayer(sources.environment ?? {}), () => 'environment (REBUILDNET_…)'),
    parseLayer(flagLayer(sources.flags ?? {}), () => 'command line', flagName),
  ]
  const top: Layer = Object.assign({}, ...layers) as Layer
  const merged = <S extends Section>(section: S): NonNullable<Layer[S]> =>
    Object.assign({}, ...layers.map((layer) => layer[section] ?? {})) as NonNullable<Layer[S]>
  const [build, disk, prune] = [merged('build'), merged('disk'), merged('prune')]
  const defaults = defaultConfig
  return {
    network: top.network ?? defaults.network,
    listen: top.listen ?? defaults.listen,
    bootstrap: top.bootstrap ?? defaults.bootstrap,
    mdns: top.mdns ?? defaults.mdns,
    announce: top.announce ?? defaults.announce,
    relay: top.relay ?? defaults.relay,
    peerExchange: top.peer_exchange ?? defaults.peerExchange,
    upnp: top.upnp ?? defaults.upnp,
    // Relative to the data folder, so that the folder may be moved with what it needs.
    ...(top.network_key === undefined
      ? {}
      : { networkKey: resolve(sources.dataFolder, top.network_key) }),
    syncIntervalSeconds: top.sync_interval ?? defaults.syncIntervalSeconds,
    ...(top.http === undefined ? {} : { http: top.http }),
    logLevel: top.log_level ?? defaults.logLevel,
    insecure: top.insecure ?? defaults.insecure,
    webhooks: top.webhooks ?? defaults.webhooks,
    minFreeMb: top.min_free_mb ?? defaults.minFreeMb,
    blindVotes: top.blind_votes ?? defaults.blindVotes,
    blindWaitSeconds: top.blind_wait ?? defaults.blindWaitSeconds,
    blindSettleSeconds: top.blind_settle ?? defaults.blindSettleSeconds,
    ...(top.blind_commitments === undefined ? {} : { blindCommitments: top.blind_commitments }),
    builders: readBuilders(top, sources.dataFolder),
    build: {
      concurrency: build.concurrency ?? defaults.build.concurrency,
      timeoutSeconds: build.timeout ?? defaults.build.timeoutSeconds,
      memoryMb: build.memory_mb ?? defaults.build.memoryMb,
      diskMb: build.disk_mb ?? defaults.build.diskMb,
      processes: build.processes ?? defaults.build.processes,
      cpus: build.cpus ?? defaults.build.cpus,
      logMb: build.log_mb ?? defaults.build.logMb,
      emulate: build.emulate ?? defaults.build.emulate,
      schedule: build.schedule ?? defaults.build.schedule,
      atClose: build.at_close ?? defaults.build.atClose,
      replicaWaitSeconds: build.replica_wait ?? defaults.build.replicaWaitSeconds,
      routes: {
        ...(build.proxy === undefined ? {} : { proxy: build.proxy }),
        ...(build.snapshot_archive_base === undefined
          ? {}
          : { snapshotArchiveBase: build.snapshot_archive_base }),
      },
    },
    disk: {
      budgetMb: disk.budget_mb ?? defaults.disk.budgetMb,
      logAgeSeconds: disk.log_age ?? defaults.disk.logAgeSeconds,
    },
    prune: {
      everySeconds: prune.every ?? defaults.prune.everySeconds,
      olderThanSeconds: prune.older_than ?? defaults.prune.olderThanSeconds,
    },
  }
}
