import { z } from 'zod'
import type { DiskSummary } from '../disk-summary.ts'
import type { PeerSummary, PruneReport, Status } from '../node-service.ts'
import { component, list } from './component.ts'
import { image, key, operatorId, seconds } from './identifiers.ts'
import { logStatus } from './log.ts'
import { gate } from './queue.ts'

const bytes = z.number().int().min(0)

const disk: z.ZodType<DiskSummary> = component(
  'Disk',
  z.object({
    budgetBytes: bytes.nullable(),
    heldBytes: bytes,
    neededBytes: bytes,
    kinds: z.object({ work: bytes, logs: bytes, trees: bytes }),
    over: z.boolean(),
    gone: z.object({ items: z.number().int(), bytes }),
  }),
)

export const status: z.ZodType<Status> = component(
  'Status',
  z.object({
    version: z.string(),
    running: z.boolean(),
    readOnly: z.boolean(),
    readOnlyReason: z.string().nullable(),
    network: z.string(),
    operator: operatorId,
    name: z.string(),
    key,
    cardExpires: seconds,
    cardTrouble: z.enum(['two-histories', 'key-dropped', 'two-cards']).nullable(),
    peerId: z.string(),
    listen: z.array(z.string()),
    peers: z.number().int(),
    statements: z.number().int(),
    projects: z.array(image),
    queue: z.object({
      waiting: z.number().int(),
      running: z.number().int(),
      failed: z.number().int(),
      gate,
    }),
    disk,
    openAlerts: z.number().int(),
    watches: z.object({ projects: z.number().int(), troubled: z.number().int() }),
    logs: logStatus,
    builder: z.string().nullable(),
    isolation: z.string().nullable(),
    policy: z.object({
      hash: z.string(),
      operators: z.number().int(),
      warnings: z.array(z.string()),
    }),
    started: seconds,
  }),
)

export const pruneReport: z.ZodType<PruneReport> = component(
  'PruneReport',
  z.object({
    dryRun: z.boolean(),
    statements: z.object({
      strangers: z.number().int(),
      notFollowed: z.number().int(),
      cards: z.number().int(),
      kept: z.number().int(),
    }),
    alerts: z.number().int(),
    queueItems: z.number().int(),
    buildLogs: z.object({ files: z.number().int(), bytes: z.number().int() }),
  }),
)

export const pruneRequest = component(
  'PruneRequest',
  z.strictObject({
    dryRun: z.boolean().exactOptional(),
    olderThan: z.number().int().min(0).exactOptional(),
  }),
)

export const health = component('Health', z.object({ ok: z.literal(true) }))

export const readiness = component(
  'Readiness',
  z.object({
    ready: z.boolean(),
    /** Why not, one sentence each. */
    reasons: z.array(z.string()),
  }),
)

export const peers: z.ZodType<readonly PeerSummary[]> = list(
  'Peers',
  component(
    'Peer',
    z.object({
      peerId: z.string(),
      addresses: z.array(z.string()),
      direction: z.enum(['inbound', 'outbound']),
      agent: z.string().nullable(),
      score: z.number(),
      connectedSince: seconds,
    }),
  ),
)
