/**
 * The composition root: opens the data folder, starts the parts in order, stops them in reverse.
 *
 * The same parts serve a running node, and a command that answers from the data folder alone; the
 * second has no network and builds nothing.
 */
import { mkdir } from 'node:fs/promises'
import { openStatement } from '../protocol/open-statement.ts'
import { NodeAssembly } from './assembly.ts'
import { systemClock } from './clock.ts'
import { loadConfig, type ConfigFlags } from './config.ts'
import { nodeCrypto } from './crypto/node-crypto.ts'
import { Verifier } from './crypto/verifier.ts'
import { openDataFolder } from './data-folder.ts'
import { loadApiToken } from './http/api-token.ts'
import type { NodeService } from './http/node-service.ts'
import { HttpServer } from './http/server.ts'
import { createLogger, type Logger } from './logger.ts'
import { Network } from './network/network.ts'
import type { NodeNetwork } from './node-parts.ts'
import { loadOperatorIdentity } from './operator-identity.ts'
import { PolicyFile } from './policy-file.ts'
import { ProjectFiles } from './project-files.ts'
import { Service } from './service/service.ts'
import { Store } from './store/store.ts'
import { VERSION } from './version.ts'

const MB = 1024 * 1024
/** How often a node looks whether a peer has given all that it has. */
const CATCH_UP_POLL_MS = 1_000

async function assemble(
  root: string,
  flags: ConfigFlags,
): Promise<{ parts: NodeAssembly; logger: Logger }> {
  const folder = await openDataFolder(root)
  const config = await loadConfig({ dataFolder: root, environment: process.env, flags })
  const logger = createLogger(config.logLevel)
  const crypto = nodeCrypto
  const identity = await loadOperatorIdentity(folder, crypto)
  const policy = await PolicyFile.load(folder.policy, crypto)
  const projects = new ProjectFiles(folder.projects)
  await projects.load()
  await mkdir(folder.work, { recursive: true, mode: 0o700 })
  await mkdir(folder.logs, { recursive: true, mode: 0o700 })
  const store = await Store.open(
    { open: (bytes) => openStatement(bytes, crypto), crypto, logger },
    {
      directory: folder.store,
      dataFolder: root,
      freeSpaceLimits: {
        minFreeBytes: config.minFreeMb * MB,
        ...(config.minFreeMb === 0 ? { minFreeShare: 0 } : {}),
      },
    },
  )
  try {
    const parts = new NodeAssembly({
      folder,
      config,
      identity,
      store,
      projects,
      policy,
      logger,
      clock: systemClock,
      crypto,
    })
    await parts.load()
    return { parts, logger }
  } catch (error) {
    await store.close()
    throw error
  }
}

export interface OfflineService {
  readonly service: NodeService
  close(): Promise<void>
}

/** The service over the data folder alone: for commands where no node runs. */
export async function openOfflineService(root: string): Promise<OfflineService> {
  const { parts } = await assemble(root, {})
  return {
    service: new Service(parts),
    close: async () => {
      await parts.logs.stop()
      await parts.tally.idle()
      await parts.trees.close()
      await parts.store.close()
    },
  }
}

export interface StartOptions {
  readonly dataFolder: string
  readonly flags?: ConfigFlags
  readonly signal?: AbortSignal
}

/** Ways by which the node finds others. */
export interface Discovery {
  /** Addresses and names of the bootstrap list. */
  readonly bootstrap: number
  readonly mdns: boolean
  /** Peers from before the start. */
  readonly remembered: number
}

export interface RunningNode {
  readonly discovery: Discovery
  readonly service: NodeService
  readonly socketPath: string
  /** Port of the loopback listener, where there is one. */
  readonly httpPort: number | undefined
  readonly apiToken: string | undefined
  stop(): Promise<void>
}

export async function startNode(options: StartOptions): Promise<RunningNode> {
  const { parts, logger } = await assemble(options.dataFolder, options.flags ?? {})
  const { config, folder } = parts
  const stops: (() => Promise<void>)[] = [
    () => parts.store.close(),
    () => parts.trees.close(),
    () => parts.tally.stop(),
    () => parts.logs.stop(),
  ]
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) {
      await step().catch((error: unknown) =>
        logger.error({ error: String(error) }, 'a part did not stop'),
      )
    }
  }
  try {
    await parts.workshop.clean()
    const service = new Service(parts)
    const verifier = new Verifier()
    stops.push(() => verifier.stop())
    const network = new Network(
      {
        crypto: parts.crypto,
        clock: parts.clock,
        logger,
        admission: parts.admission,
        prepare: (statements) => verifier.prepare(statements),
        logs: parts.logs,
        trees: parts.trees,
        peerKeyFile: folder.peerKey,
        anchorsFile: folder.anchors,
      },
      {
        network: config.network,
        listen: config.listen,
        bootstrap: config.bootstrap,
        mdns: config.mdns,
        announce: config.announce,
        relay: config.relay,
        peerExchange: config.peerExchange,
        upnp: config.upnp,
        ...(config.networkKey === undefined ? {} : { networkKeyFile: config.networkKey }),
        agent: `rebuildnet/${VERSION}`,
        syncIntervalMs: config.syncIntervalSeconds * 1000,
      },
    )
    stops.push(() => network.stop())
    await network.start(options.signal)
    network.onPeer((event) => {
      parts.emit({ type: 'peer', data: event })
      if (event.state === 'connected') parts.divergences.peerConnected()
    })
    parts.network = describeNetwork(network)
    // Peers that were here before us cannot tell whose our results are without our card.
    await network.publish(parts.identity.card, parts.identity.cardBytes)

    const http = new HttpServer(
      { service, logger },
      { dataFolder: folder.root, ...(config.http === undefined ? {} : { listen: config.http }) },
    )
    stops.push(() => http.stop())
    await http.start()

    stops.push(() => parts.webhooks.stop())
    parts.webhooks.start()
    stops.push(() => parts.blind.stop())
    await parts.blind.start()
    stops.push(() => parts.queue.stop())
    await parts.queue.start()
    stops.push(() => service.watching.stop())
    await service.watching.start()
    stops.push(whenSynced(network, parts, logger))
    parts.logs.start()
    stops.push(() => parts.divergences.stop())
    parts.divergences.start()
    stops.push(() => parts.pruning.stop())
    parts.pruning.start()
    stops.push(() => parts.disk.stop())
    parts.disk.start()
    parts.tally.touchImages(parts.projects.all().map(({ project }) => project.image))
    await parts.enqueueKnown()
    return {
      discovery: {
        bootstrap: config.bootstrap.length,
        mdns: config.mdns,
        remembered: network.rememberedPeers,
      },
      service,
      socketPath: http.socketPath,
      httpPort: http.port,
      apiToken: http.port === undefined ? undefined : await loadApiToken(folder.root),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Looks until a peer has given all that it has, and tells the parts; again where they failed. */
function whenSynced(network: Network, parts: NodeAssembly, logger: Logger): () => Promise<void> {
  let working: Promise<void> | undefined
  const timer = setInterval(() => {
    if (!network.synced || working !== undefined) return
    working = parts.caughtUp().then(
      () => clearInterval(timer),
      (error: unknown) => {
        working = undefined
        logger.error({ error: String(error) }, 'not caught up; it is tried again')
      },
    )
  }, CATCH_UP_POLL_MS)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await working
  }
}

function describeNetwork(network: Network): NodeNetwork {
  return {
    peerId: network.peerId,
    addresses: () => network.addresses(),
    peers: () => network.peers(),
    publish: (statement, bytes) => network.publish(statement, bytes),
    publishHead: (head) => network.publishHead(head.bytes),
    publishProof: (proof) => network.publishProof(proof.bytes),
    walkTrees: (walk, signal) => network.walkTrees(walk, signal),
    sync: async () => {
      await network.sync()
    },
  }
}
