/** What a node's disk budget is about, and what of it is needed. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageName } from '../protocol/identifiers.ts'
import type { ByteString } from '../protocol/normalize/byte-string.ts'
import { parseTreeDigest } from '../protocol/normalize/partial-image.ts'
import { parseProfile } from '../protocol/normalize/profile.ts'
import type { ImageDigests, Rebuild } from '../protocol/rebuild.ts'
import type { Held, Shelf } from './disk-budget.ts'
import type { NodeParts } from './node-parts.ts'
import { ownStatements } from './own-statements.ts'
import { folderBytes } from './rebuild/disk-watch.ts'
import { isWorkFolderInUse, removeWorkFolder } from './rebuild/work-folder.ts'

type Parts = Pick<
  NodeParts,
  'alerts' | 'clock' | 'folder' | 'identity' | 'journal' | 'queue' | 'signers' | 'store' | 'trees'
>

/** Verdicts over which people ask for logs and for what differs. */
const DISPUTES: ReadonlySet<string> = new Set(['contradicted', 'diverged', 'unreproducible'])

/** What is younger may belong to a result that is about to be said. */
const RECENT_MS = 600_000

export function makeShelves(parts: Parts): readonly Shelf[] {
  return [
    { kind: 'work', held: () => workFolders(parts) },
    { kind: 'logs', held: () => buildLogs(parts) },
    { kind: 'trees', held: () => keptTrees(parts) },
  ]
}

/** Folders that nothing of this process is done in: a removal that failed, or a process that died. */
async function workFolders({ folder }: Parts): Promise<readonly Held[]> {
  const found: Held[] = []
  for (const name of await namesIn(folder.work)) {
    const path = join(folder.work, name)
    if (isWorkFolderInUse(path)) continue
    const stats = await stat(path).catch(() => undefined)
    if (stats === undefined) continue
    found.push({
      name,
      bytes: stats.isDirectory() ? await folderBytes(path) : stats.size,
      used: stats.mtimeMs,
      needed: false,
      letGo: () => removeWorkFolder(path),
    })
  }
  return found
}

async function buildLogs(parts: Parts): Promise<readonly Held[]> {
  const { clock, folder, journal, queue } = parts
  const needed = new Set<string>(await journal.logs())
  for (const { logDigest } of await disputed(parts)) {
    if (logDigest !== undefined) needed.add(logDigest)
  }
  const open = queue.list().filter(({ state }) => state !== 'done' && state !== 'cancelled')
  const shown = new Set(open.flatMap(({ log }) => log ?? []))
  const found: Held[] = []
  for (const name of await namesIn(folder.logs)) {
    const path = join(folder.logs, name)
    const stats = await stat(path).catch(() => undefined)
    if (stats === undefined) continue
    const used = Math.max(stats.mtimeMs, stats.atimeMs)
    const isNeeded = shown.has(path) || needed.has(`sha256:${name.replace(/\.log$/, '')}`)
    found.push({
      name,
      bytes: stats.size,
      used,
      needed: isNeeded || clock.now() - used < RECENT_MS,
      letGo: () => rm(path, { force: true }),
    })
  }
  return found
}

async function keptTrees(parts: Parts): Promise<readonly Held[]> {
  const { clock, trees } = parts
  const roots = (await disputed(parts)).flatMap(rootsOf)
  const found: Held[] = []
  for (const [number, { bytes, used }] of await trees.generations()) {
    let needed = clock.now() - used < RECENT_MS
    for (const root of roots) needed ||= await trees.isIn(number, root)
    found.push({ name: `tree ${number}`, bytes, used, needed, letGo: () => trees.forget(number) })
  }
  return found
}

/** What this node has said of images over which people disagree now. */
async function disputed(parts: Parts): Promise<readonly Rebuild[]> {
  const images = new Set<ImageName>()
  for (const { kind, image } of await parts.alerts.list({ open: true })) {
    if (image !== null && DISPUTES.has(kind)) images.add(image)
  }
  if (images.size === 0) return []
  const own = await ownStatements(parts)
  return own.flatMap(({ body }) =>
    body.kind === 'rebuild' && images.has(body.image) ? [body] : [],
  )
}

/** Roots of the trees of what was built and of what was published. */
function rootsOf({ outcome, published, profile }: Rebuild): readonly ByteString[] {
  const built: readonly ImageDigests[] =
    outcome.kind === 'built'
      ? [outcome.rebuilt]
      : outcome.kind === 'unstable'
        ? outcome.rebuilt
        : []
  const all = 'manifestDigest' in published ? [...built, published] : built
  return all.flatMap(({ normalizedDigest }) => {
    if (typeof normalizedDigest !== 'string') return []
    return parseTreeDigest(normalizedDigest, parseProfile(profile)) ?? []
  })
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
}
