/**
 * One attempt at one item of the queue: what is to be built is looked up and checked at the moment
 * of building, not when it was queued.
 */
import { existsSync } from 'node:fs'
import { inputDigestOf, buildInputOf } from '../protocol/input-digest.ts'
import { buildLogFile } from './data-folder.ts'
import type { NormalizedSource } from './image/normalizer.ts'
import type { NodeParts } from './node-parts.ts'
import type { AttemptEnd, AttemptProgress } from './rebuild/queue.ts'
import type { QueueItem } from './rebuild/queue-item.ts'
import { Rebuilder } from './rebuild/rebuilder.ts'
import { refusals } from './refusals.ts'
import { isRelease } from './tally.ts'

export async function attemptRebuild(
  parts: NodeParts,
  item: QueueItem,
  progress: AttemptProgress,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const { store, crypto, workshop, clock, identity } = parts
  const release = (await store.statements.get(item.release))?.statement
  if (release === undefined || !isRelease(release)) {
    return { kind: 'refused', reason: 'its release is not in the store' }
  }
  const [reason] = await refusals(parts, release, item.platform)
  if (reason !== undefined) return { kind: 'refused', reason }
  const profile = parts.projects.get(item.image)?.project.profile
  if (profile === undefined) return { kind: 'refused', reason: `${item.image} is not followed` }

  const own = (await store.statements.ofKey(identity.key.publicKey)).flatMap(({ sid, body }) =>
    body.kind === 'rebuild' && body.image === item.image ? [{ sid, body }] : [],
  )
  // Published, and then the process died before the queue could say so.
  const done = own.find(
    ({ body }) =>
      body.release === item.release &&
      body.platform === item.platform &&
      body.started >= item.added,
  )
  if (done !== undefined) {
    return { kind: 'published', sid: done.sid, summary: 'published before this node was restarted' }
  }

  const inputDigest = inputDigestOf(buildInputOf(release.body, item.platform), crypto)
  const superseded = new Set(own.flatMap(({ body }) => body.supersedes))
  const live = own.filter(
    ({ sid, body }) =>
      body.inputDigest === inputDigest && body.profile === profile && !superseded.has(sid),
  )
  const earlier = live.flatMap(({ body: { outcome } }) =>
    outcome.kind === 'built' ? [outcome.rebuilt] : [],
  )
  const rebuilder = new Rebuilder<NormalizedSource>({
    clock,
    buildCold: (work, report, abort) => workshop.buildCold(work, report, abort),
    fetchPublished: (work, digest, abort) => workshop.fetchPublished(work, digest, abort),
    compare: (rebuilt, published, level) => workshop.compare(rebuilt, published, level),
    publish: (body) => parts.publish(body),
  })
  const { logDigest, ...end } = await rebuilder.rebuild(
    {
      sid: release.sid,
      release: release.body,
      platform: item.platform,
      profile,
      inputDigest,
      // Results for other releases of this input stand: they say what other images normalize to.
      supersedes: live.flatMap(({ sid, body }) => (body.release === release.sid ? sid : [])),
      attempt: item.attempts,
      ...(earlier[0] === undefined ? {} : { earlier: earlier[0] }),
      doubted: live.some(({ body }) => body.outcome.kind === 'unstable'),
    },
    progress,
    signal,
  )
  const log = logDigest === undefined ? undefined : buildLogFile(parts.folder, logDigest)
  return log !== undefined && existsSync(log) ? { ...end, log } : end
}
