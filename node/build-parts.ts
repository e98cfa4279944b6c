/** What building needs of the other parts of a node. */
import { createHash } from 'node:crypto'
import { commitTimesOf } from '../protocol/recipe-template.ts'
import { buildLimits } from './build-limits.ts'
import { makeBuilders } from './builders.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'
import { describeItem } from './queue-view.ts'
import { attemptRebuild } from './rebuild-attempt.ts'
import { Queue } from './rebuild/queue.ts'
import type { QueueItem } from './rebuild/queue-item.ts'
import { insecureHosts } from './service/verdicts.ts'
import { Workshop } from './workshop.ts'

/** Another for each data folder: it is what tells the builds of nodes apart that share a Docker. */
function ownerOf({ identity, folder }: Pick<NodeParts, 'identity' | 'folder'>): string {
  const hash = createHash('sha256').update(identity.key.publicKey).update(folder.work)
  return hash.digest('hex').slice(0, 16)
}

export function makeWorkshop(parts: NodeParts, logger: Logger): Workshop {
  const { config, crypto, folder, projects, trees } = parts
  return new Workshop(
    {
      crypto,
      logger,
      builders: makeBuilders(config.builders, ownerOf(parts)),
      insecure: (image) => insecureHosts(parts, image),
      trees,
      commitTimes: ({ image, recipe }) => {
        const template = projects.get(image)?.project.recipe
        return template === undefined ? [] : commitTimesOf(template, recipe)
      },
    },
    {
      workFolder: folder.work,
      logFolder: folder.logs,
      limits: buildLimits(config),
      routes: config.build.routes,
    },
  )
}

export function makeQueue(parts: NodeParts, logger: Logger): Queue {
  const { clock, config, gate, projects, store } = parts
  const queue: Queue = new Queue(
    {
      // The store checks what it reads, and only the queue writes here.
      table: store.queue.as((value) => value as QueueItem),
      gate,
      priorityOf: (image) => projects.get(image)?.priority ?? 'normal',
      clock,
      logger,
      attempt: (item, progress, signal) => attemptRebuild(parts, item, progress, signal),
      random: () => Math.random(),
      changed: (item) => {
        parts.emit({ type: 'queue', data: describeItem(item, queue) })
        // What a build leaves is there once it has ended.
        if (parts.network !== undefined && item.state !== 'running') parts.disk.look()
      },
    },
    { concurrency: config.build.concurrency },
  )
  return queue
}
