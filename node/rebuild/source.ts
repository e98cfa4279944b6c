/**
 * The source of a release: a git tree at one exact commit, in a fresh folder.
 *
 * Nothing of the host's or the repository's configuration is heard: no hooks, filters, credential
 * helpers, submodules or redirects, one protocol. The commit is fetched by its id, or, from servers
 * that do not allow this, by its ref and then by all refs; what comes must have that very id. The
 * tree has plain modes and the commit's time, so that two nodes give a builder the same bytes.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import { DiskWatch } from './disk-watch.ts'
import { GitFetch } from './git-fetch.ts'
import { checkSourceLocation, parseSourceLocation } from './source-location.ts'
import { settleTree } from './source-tree.ts'

export interface SourceLimits {
  readonly timeoutMs: number
  /** What repository and tree together may hold. */
  readonly maxBytes: number
  readonly minFreeBytes: number
}

export const defaultSourceLimits: SourceLimits = Object.freeze({
  timeoutMs: 30 * 60 * 1000,
  maxBytes: 4 * 1024 ** 3,
  minFreeBytes: 512 * 1024 ** 2,
})

export interface SourceRequest {
  /** `git+https://…` */
  readonly repository: string
  /** 40 or 64 lowercase hex digits. */
  readonly commit: string
  /** Where it is said to be, such as `refs/tags/v1.2.0`. */
  readonly ref?: string
  /** Is created, and must not be there yet; the folder around it must. */
  readonly directory: string
  /** Of the project file: hosts that may be plain http or private, and `file`. */
  readonly insecure: readonly string[]
  readonly log: BuildLog
  readonly limits?: SourceLimits
}

export interface Source {
  readonly directory: string
  readonly commit: string
  /** The committer's time, seconds since 1970. */
  readonly commitTime: number
}

/** Fetches, verifies and checks out. Throws BuildError of stage `source` and leaves nothing then. */
export async function fetchSource(request: SourceRequest, signal: AbortSignal): Promise<Source> {
  const location = parseSourceLocation(request.repository)
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(request.commit)) {
    throw new BuildError(
      'source-commit-missing',
      `source commit ${JSON.stringify(request.commit)} is not a full commit id of 40 or 64 hex digits`,
    )
  }
  const addresses = await checkSourceLocation(location, request.insecure)
  const limits = request.limits ?? defaultSourceLimits
  const work = await mkdtemp(join(dirname(request.directory), '.source-'))
  const watch = new DiskWatch(work, limits)
  try {
    await watch.start()
    const git = new GitFetch(
      { location, addresses, work, log: request.log, timeoutMs: limits.timeoutMs },
      AbortSignal.any([signal, watch.signal]),
    )
    await git.prepare(request.commit)
    await git.fetchCommit(request.commit, request.ref)
    const tree = await git.checkOut(request.commit)
    const commitTime = await git.commitTime(request.commit)
    await settleTree(tree, commitTime)
    await watch.check()
    if (watch.trouble !== undefined) throw new Error(watch.trouble)
    await rename(tree, request.directory)
    return { directory: request.directory, commit: request.commit, commitTime }
  } catch (error) {
    if (watch.trouble === 'disk-full') {
      throw new BuildError(
        'source-disk-full',
        `disk full while fetching ${location.url}: free space under ${dirname(request.directory)}`,
        { cause: error },
      )
    }
    if (watch.trouble === 'over-limit') {
      throw new BuildError(
        'source-too-large',
        `source ${location.url} is over the limit of ${limits.maxBytes} bytes`,
        { cause: error },
      )
    }
    throw error
  } finally {
    watch.stop()
    await rm(work, { recursive: true, force: true })
  }
}
