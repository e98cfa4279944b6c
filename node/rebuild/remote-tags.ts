/**
 * The tags of a remote repository, as its server tells them, and what it takes to believe one:
 * the tag's own object, and whether a commit is on a branch.
 *
 * A name that git could take for an option or a pattern is left out, whoever made it.
 */
import { join } from 'node:path'
import { BuildLog } from './build-log.ts'
import { succeeded } from './command.ts'
import { GitFetch, isSafeRef } from './git-fetch.ts'
import { checkSourceLocation, parseSourceLocation } from './source-location.ts'
import { withWorkFolder } from './work-folder.ts'

export interface RemoteSource {
  /** `git+https://…` */
  readonly repository: string
  readonly insecure: readonly string[]
  /** Where a temporary folder is made. */
  readonly folder: string
}

export interface RemoteTag {
  /** Without `refs/tags/`. */
  readonly name: string
  /** Id of the tag object, or of the commit where there is none. */
  readonly object: string
  /** What it points to in the end: a commit, where all is well. */
  readonly commit: string
}

const TIMEOUT_MS = 5 * 60_000
const MAX_LOG_BYTES = 64 * 1024
/** Some 200,000 tags, each with what it points to. */
const MAX_LIST_BYTES = 32 * 1024 * 1024
const MAX_TAG_BYTES = 64 * 1024
const PREFIX = 'refs/tags/'
const ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Throws BuildError of stage `source`. */
export function listRemoteTags(
  source: RemoteSource,
  signal: AbortSignal,
): Promise<readonly RemoteTag[]> {
  return withGit(source, signal, '', async (git) =>
    parseTags(await git.must(['ls-remote', '--quiet', '--tags', '--', git.url], MAX_LIST_BYTES)),
  )
}

/** The bytes of a tag object, or undefined where the tag is a mere name for a commit. */
export function fetchTagObject(
  source: RemoteSource,
  { name, object, commit }: RemoteTag,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (object === commit) return Promise.resolve(undefined)
  return withGit(source, signal, object, async (git) => {
    const ref = `+${PREFIX}${name}:refs/fetched/tag`
    await git.must(git.fetchCommand(['--depth=1', '--filter=tree:0'], [ref]))
    const text = await git.must(['cat-file', 'tag', object], MAX_TAG_BYTES)
    return new TextEncoder().encode(text)
  })
}

/** Whether `commit` is the branch's newest commit, or one before it. */
export function isOnBranch(
  source: RemoteSource,
  { commit, branch }: { readonly commit: string; readonly branch: string },
  signal: AbortSignal,
): Promise<boolean> {
  return withGit(source, signal, commit, async (git) => {
    const ref = `+refs/heads/${branch}:refs/fetched/branch`
    // Commits alone: servers that cannot leave trees out send them too.
    await git.must(git.fetchCommand(['--filter=tree:0'], [ref]))
    return succeeded(await git.run(['merge-base', '--is-ancestor', commit, 'refs/fetched/branch']))
  })
}

async function withGit<T>(
  source: RemoteSource,
  signal: AbortSignal,
  id: string,
  work: (git: GitFetch) => Promise<T>,
): Promise<T> {
  const location = parseSourceLocation(source.repository)
  const addresses = await checkSourceLocation(location, source.insecure)
  return withWorkFolder(source.folder, 'tags-', async (folder) => {
    const log = new BuildLog(join(folder, 'log'), MAX_LOG_BYTES)
    try {
      const options = { location, addresses, work: folder, log, timeoutMs: TIMEOUT_MS }
      const git = new GitFetch(options, signal)
      await git.prepare(id)
      return await work(git)
    } finally {
      log.close()
    }
  })
}

function parseTags(list: string): readonly RemoteTag[] {
  const objects = new Map<string, string>()
  const peeled = new Map<string, string>()
  for (const line of list.split('\n')) {
    const [id = '', ref = ''] = line.split('\t')
    if (!ID.test(id) || !ref.startsWith(PREFIX)) continue
    const isPeeled = ref.endsWith('^{}')
    const full = isPeeled ? ref.slice(0, -3) : ref
    if (isSafeRef(full)) (isPeeled ? peeled : objects).set(full.slice(PREFIX.length), id)
  }
  return [...objects].map(([name, object]) => ({
    name,
    object,
    commit: peeled.get(name) ?? object,
  }))
}
