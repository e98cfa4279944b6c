/**
 * The parts of a real node over a real data folder, without network; its workshop builds what it is
 * told. For tests of what a node makes of its builds.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock, unixSeconds, type Clock } from '../../node/clock.ts'
import { NodeAssembly } from '../../node/assembly.ts'
import { loadConfig } from '../../node/config.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { openDataFolder } from '../../node/data-folder.ts'
import { createLogger } from '../../node/logger.ts'
import { loadOperatorIdentity } from '../../node/operator-identity.ts'
import { PolicyFile } from '../../node/policy-file.ts'
import { ProjectFiles } from '../../node/project-files.ts'
import type { ColdBuild, PublishedFetch } from '../../node/rebuild/settlement.ts'
import { Store } from '../../node/store/store.ts'
import type { NormalizedSource } from '../../node/image/normalizer.ts'
import type { Recipe } from '../../protocol/recipe.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { show, TestLog } from './logs.ts'
import { imageDigests, type TestOperator } from './statements.ts'

export type Built = ColdBuild<NormalizedSource>

/** An image without contents: what differs is told by `compare`, which is made up too. */
const IMAGE = {} as NormalizedSource

export function builtAs(name: string): Built {
  return {
    kind: 'built',
    digests: imageDigests(name),
    image: IMAGE,
    materials: [],
    logDigest: undefined,
    environment: {
      builder: 'buildah',
      builderVersion: '1.28.2',
      kernel: '6.1.0',
      cpu: 'x86-64',
      emulated: false,
    },
  }
}

export function fetchedAs(name: string): PublishedFetch<NormalizedSource> {
  return { kind: 'fetched', digests: imageDigests(name), image: IMAGE }
}

export interface AssembledNode {
  readonly parts: NodeAssembly
  readonly store: Store
  readonly stop: () => Promise<void>
}

/** `build` is called for each cold build. */
export async function assembleNode(
  root: string,
  build: () => Promise<Built>,
  clock: Clock = systemClock,
): Promise<AssembledNode> {
  const folder = await openDataFolder(root)
  const config = await loadConfig({ dataFolder: root })
  const logger = createLogger('silent')
  const crypto = nodeCrypto
  const identity = await loadOperatorIdentity(folder, crypto)
  const policy = await PolicyFile.load(folder.policy, crypto)
  const projects = new ProjectFiles(folder.projects)
  await projects.load()
  const store = await Store.open(
    { open: (bytes) => openStatement(bytes, crypto), crypto, logger },
    { directory: folder.store, freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 } },
  )
  const parts = new NodeAssembly({
    ...{ folder, config, identity, store, projects, policy, logger, clock, crypto },
  })
  const { workshop } = parts
  workshop.isNative = () => true
  workshop.engineFor = async () => ({
    name: 'buildah',
    version: '1.28.2',
    isolation: 'none',
    isolated: true,
    warnings: [],
  })
  workshop.buildCold = build
  workshop.fetchPublished = async () => fetchedAs('good')
  workshop.compare = () => ({ count: 1, paths: ['usr/bin/app'] })
  await parts.load()
  return {
    parts,
    store,
    stop: async () => {
      await parts.queue.stop()
      await parts.blind.stop()
      await parts.tally.stop()
      await parts.logs.stop()
      await parts.trees.close()
      await store.close()
    },
  }
}

/** These come from their operator as they do from a peer: with the log that lists them. */
export async function receive(
  parts: NodeAssembly,
  operator: TestOperator,
  ...statements: readonly CreatedStatement[]
): Promise<void> {
  const all = [operator.card, ...statements]
  for (const { bytes } of all) await parts.take(bytes)
  show(parts.logs.book, new TestLog(operator).add(...all), unixSeconds(systemClock))
  await parts.logs.keeper.idle()
  await parts.tally.idle()
}

/** As the project of writeSettings asks for it. */
export const PLAIN_RECIPE: Recipe = {
  builders: [{ name: 'buildah', version: '1.28' }],
  dockerfile: 'Dockerfile',
  context: '.',
}

/** Has a folder of writeSettings build what is announced. */
export async function buildProjects(root: string): Promise<void> {
  const follow = { format: 1, build: true, trustRecipe: false }
  await writeFile(join(root, 'projects', 'app.json'), JSON.stringify(follow))
}
