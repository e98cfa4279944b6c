/** Runs the node until it is asked to stop. The only command that loads libp2p. */
import { setTimeout as delay } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import { defaultConfig, type ConfigFlags } from '../../node/config.ts'
import type { NodeEvent, Status } from '../../node/http/node-service.ts'
import { isAnswered, socketPath } from '../../node/http/socket-path.ts'
import type { RunningNode } from '../../node/node.ts'
import { isLocked } from '../api/session.ts'
import type { Bind } from '../command-table.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, collect, countArgument } from '../option.ts'
import { describeEvent } from '../terminal/event-line.ts'
import { cardExpiryFact, cardExpiryNote } from '../terminal/card-expiry.ts'
import { discoveryFact } from '../terminal/discovery.ts'
import type { Output } from '../terminal/output.ts'
import { faint, strong, warn } from '../terminal/style.ts'
import { countWords } from '../terminal/words.ts'

/** How long a command that is at work in the data folder is waited for. */
const LOCK_WAIT_MS = 15_000
const LOCK_POLL_MS = 100

interface Options {
  readonly listen?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly mdns: boolean
  readonly network?: string
  readonly http?: string
  readonly syncInterval?: string
  readonly insecure?: readonly string[]
  readonly webhook?: readonly string[]
  readonly logLevel?: string
  readonly concurrency?: number
  readonly emulate?: boolean
  readonly buildProxy?: string
  readonly snapshotArchiveBase?: string
}

export function define(command: Command, bind: Bind): void {
  const { build, listen, logLevel, network } = defaultConfig
  command
    .description(
      'Runs the node: joins the network, rebuilds the releases of the projects that it follows, and publishes what it got. Flags override REBUILDNET_* variables, and these config.toml in the data folder.',
    )
    .option(
      '--listen <address>',
      `multiaddr to listen on; may be repeated (default: ${listen.join(' ')})`,
      collect,
    )
    .option(
      '--bootstrap <address>',
      'multiaddr, with peer id, of a node to find others through, or /dnsaddr/NAME; may be repeated',
      collect,
    )
    .option('--no-mdns', 'do not look for nodes in the local network')
    .option(
      '--network <name>',
      `nodes of different networks exchange nothing (default: ${network})`,
    )
    .option('--http <address>', '127.0.0.1:PORT to serve the API on beside the unix socket')
    .option(
      '--sync-interval <duration>',
      `time between two rounds of sync (default: ${defaultConfig.syncIntervalSeconds}s)`,
    )
    .option(
      '--insecure <host>',
      'registry (host[:port]) that may be plain http or a private address; may be repeated',
      collect,
    )
    .option('--webhook <url>', 'where alerts are posted; may be repeated', collect)
    .option('--concurrency <n>', `builds at once (default: ${build.concurrency})`, countArgument)
    .option('--emulate', 'also build for platforms that this machine must emulate')
    .option(
      '--build-proxy <url>',
      'http://HOST[:PORT] of a caching proxy through which builds fetch what they fetch by plain http',
    )
    .option(
      '--snapshot-archive-base <url>',
      "http://HOST…/ of a mirror from which builds get what they ask of Debian's snapshot archive by plain http",
    )
    .addOption(
      new Option(
        '--log-level <level>',
        `diagnostics on standard error (default: ${logLevel})`,
      ).choices(['silent', 'error', 'warn', 'info', 'debug']),
    )
  addExamples(command, [
    'start',
    'start --listen /ip4/0.0.0.0/tcp/4801 --bootstrap /dns4/node.example/tcp/4801/p2p/12D3Koo…',
    'start --http 127.0.0.1:4880 --json',
    'start --build-proxy http://cache.lan:3142 --snapshot-archive-base http://mirror.lan/archive/',
  ])
  bind<Options>(command, ({ context, options }) => run(context, configFlags(options)))
}

/** The flags that were given, under the names of config.toml. */
function configFlags(options: Options): ConfigFlags {
  return {
    listen: options.listen,
    bootstrap: options.bootstrap,
    // The flag can only say no: without it the configuration decides.
    mdns: options.mdns ? undefined : false,
    network: options.network,
    http: options.http,
    sync_interval: options.syncInterval,
    insecure: options.insecure,
    webhooks: options.webhook,
    log_level: options.logLevel,
    'build.concurrency': options.concurrency,
    'build.emulate': options.emulate,
    'build.proxy': options.buildProxy,
    'build.snapshot_archive_base': options.snapshotArchiveBase,
  }
}

async function run(context: Context, flags: ConfigFlags): Promise<number> {
  const { out } = context
  return context.untilStopped(async (signal) => {
    const node = await startWhenFree(context, flags, signal)
    try {
      const status = await node.service.status()
      if (out.json)
        out.value({
          type: 'started',
          data: { ...status, socket: node.socketPath, discovery: node.discovery },
        })
      else showStart(status, node, out)
      // What happens comes after who this is: whoever reads the output waits for the first line.
      const unsubscribe = node.service.subscribe((event) => showEvent(event, out))
      const note = cardExpiryNote(status.cardExpires, Math.floor(Date.now() / 1000))
      if (note !== undefined) out.note(note)
      await stopped(signal)
      unsubscribe()
      out.progress('')
      out.note(faint('stopping'))
    } finally {
      await node.stop()
    }
    return EXIT.yes
  })
}

/** A command that opened the data folder itself is done in a moment; another node is not. */
async function startWhenFree(
  { dataFolder }: Context,
  flags: ConfigFlags,
  signal: AbortSignal,
): Promise<RunningNode> {
  const { startNode } = await import('../../node/node.ts')
  for (const deadline = Date.now() + LOCK_WAIT_MS; ;) {
    try {
      return await startNode({ dataFolder, flags, signal })
    } catch (error) {
      const waitable = isLocked(error) && Date.now() < deadline && !signal.aborted
      if (!waitable || (await isAnswered(socketPath(dataFolder)))) throw error
      await delay(LOCK_POLL_MS)
    }
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function showEvent(event: NodeEvent, out: Output): void {
  if (out.json) {
    out.value(event)
    return
  }
  const { line, passing } = describeEvent(event)
  out.progress('')
  if (!passing) out.line(...line)
  else out.progress(line.map((text) => (typeof text === 'string' ? text : text.text)).join(''))
}

function showStart(status: Status, node: RunningNode, out: Output): void {
  out.facts([
    ['operator', strong(`${status.name} (${status.operator})`)],
    ['card', cardExpiryFact(status.cardExpires, Math.floor(Date.now() / 1000))],
    ['peer', status.peerId],
    ['network', status.network],
    ['finds', discoveryFact(node.discovery)],
    ['addresses', status.listen],
    ['projects', status.projects.length === 0 ? faint('none followed yet') : status.projects],
    ['policy', `${countWords(status.policy.operators, 'operator')} trusted`],
    ...status.policy.warnings.map((warning) => ['', warn(warning)] as const),
    ['builder', status.builder ?? warn('none: nothing is rebuilt here (see "rebuildnet doctor")')],
    ['isolation', status.isolation ?? '-'],
    ['api', node.socketPath],
    ...(node.httpPort === undefined ? [] : [['', `http://127.0.0.1:${node.httpPort}`] as const]),
    [
      'published',
      'with each result, for everyone to read: builder and version, kernel, processor model; peers see the address',
    ],
  ])
  out.line('')
}
