/**
 * One attempt at one item of the queue: what is to be built is looked up and checked at the moment
 * of building, not when it was queued.
 */
import { existsSync } from 'node:fs'
import type { Sid } from '../protocol/identifiers.ts'
import { inputDigestOf, buildInputOf } from '../protocol/input-digest.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import type { Release } from '../protocol/release.ts'
import { unixSeconds } from './clock.ts'
import { buildLogFile } from './data-folder.ts'
import type { NormalizedSource } from './image/normalizer.ts'
import type { NodeParts } from './node-parts.ts'
import { ownStatements } from './own-statements.ts'
import type { JournalSubject } from './rebuild/build-journal.ts'
import type { AttemptEnd, AttemptProgress } from './rebuild/queue.ts'
import type { QueueItem } from './rebuild/queue-item.ts'
import { Rebuilder, type RebuildWork } from './rebuild/rebuilder.ts'
import { votingLevel } from './rebuild/settlement.ts'
import { leftToOthers } from './replicas.ts'
import { refusals } from './refusals.ts'
import { isRelease } from './tally.ts'

export async function attemptRebuild(
  parts: NodeParts,
  item: QueueItem,
  progress: AttemptProgress,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const { store, crypto, workshop, clock, journal } = parts
  const release = (await store.statements.get(item.release))?.statement
  if (release === undefined || !isRelease(release)) {
    return { kind: 'refused', reason: 'its release is not in the store' }
  }
  const [reason] = await refusals(parts, release, item.platform)
  if (reason !== undefined) return { kind: 'refused', reason }
  const project = parts.projects.get(item.image)?.project
  if (project === undefined) return { kind: 'refused', reason: `${item.image} is not followed` }
  const { profile } = project

  const promised = parts.blind.promisedOf(item.release, item.platform)
  if (promised !== undefined) {
    const sid = await parts.blind.commitmentTo(promised)
    await journal.drop(item.id)
    return { kind: 'published', sid, summary: 'committed to a result, which is said later' }
  }
  const inputDigest = inputDigestOf(buildInputOf(release.body, item.platform), crypto)
  const blind = !release.body.platforms.some(
    (each) => each.platform === item.platform && each.manifestDigest !== undefined,
  )
  // The image is out: what is promised of it is said first, and completed then.
  if (!blind) await parts.blind.sayNow(inputDigest)

  const own = (await ownStatements(parts)).flatMap(({ sid, body }) =>
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
    await journal.drop(item.id)
    return { kind: 'published', sid: done.sid, summary: 'published before this node was restarted' }
  }

  const superseded = new Set(own.flatMap(({ body }) => body.supersedes))
  const live = own.filter(
    ({ sid, body }) =>
      body.inputDigest === inputDigest && body.profile === profile && !superseded.has(sid),
  )
  // What this node has begun to say it goes on with.
  if (live.length === 0) {
    const work = { item, inputDigest, level: votingLevel(release.body.recipe) }
    const left = await leftToOthers(parts, project, work)
    if (left !== undefined) return left
  }
  const earlier = live.flatMap(({ body: { outcome } }) =>
    outcome.kind === 'built' ? [outcome.rebuilt] : [],
  )
  const subject = await journalSubject(parts, item, release.body, { inputDigest, profile })
  const kept = await journal.read(subject, unixSeconds(clock))
  const rebuilder = new Rebuilder<NormalizedSource>({
    clock,
    keep: async (builds) => {
      // What a machine built that is doubted is not gone on with.
      if (builds === undefined || parts.gate.votingStop !== undefined) await journal.drop(item.id)
      else await journal.keep(subject, builds)
    },
    doubtMachine: () =>
      parts.machine.doubts(item.image, subject.publishedDigest ?? undefined, item.platform),
    buildCold: (work, report, abort) => workshop.buildCold(work, report, abort),
    fetchPublished: (work, digest, abort) => workshop.fetchPublished(work, digest, abort),
    compare: (rebuilt, published, level) => workshop.compare(rebuilt, published, level),
    publish: (body) => parts.blind.say(body),
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
      ...completesOf(live),
      ...(earlier[0] === undefined ? {} : { earlier: earlier[0] }),
      doubted: live.some(({ body }) => body.outcome.kind === 'unstable'),
      ...(kept === undefined ? {} : { kept }),
    },
    progress,
    signal,
  )
  const log = logDigest === undefined ? undefined : buildLogFile(parts.folder, logDigest)
  return log !== undefined && existsSync(log) ? { ...end, log } : end
}

async function journalSubject(
  { workshop }: Pick<NodeParts, 'workshop'>,
  { id, added, platform }: QueueItem,
  { platforms, recipe }: Release,
  cell: Pick<JournalSubject, 'inputDigest' | 'profile'>,
): Promise<JournalSubject> {
  const engine = await workshop.engineFor(recipe.builders)
  const published = platforms.find((each) => each.platform === platform)?.manifestDigest
  const builder = engine === undefined ? 'none' : `${engine.name} ${engine.version}`
  return { id, added, ...cell, publishedDigest: published ?? null, builder }
}

/** The own live result of a blind release of the same input, which the published image completes. */
function completesOf(
  live: readonly { readonly sid: Sid; readonly body: Rebuild }[],
): Pick<RebuildWork, 'completes'> {
  for (const { sid, body } of live) {
    const { outcome, publishedDigest, environment, materials, logDigest } = body
    if (publishedDigest !== undefined || outcome.kind !== 'built') continue
    const log = logDigest === undefined ? {} : { logDigest }
    return { completes: { sid, rebuilt: outcome.rebuilt, environment, materials, ...log } }
  }
  return {}
}
