/** The commit that a ref of a remote repository stands for now. */
import { join } from 'node:path'
import { BuildLog } from './build-log.ts'
import { GitFetch } from './git-fetch.ts'
import { checkSourceLocation, parseSourceLocation } from './source-location.ts'
import { withWorkFolder } from './work-folder.ts'

export interface RemoteRefRequest {
  /** `git+https://…` */
  readonly repository: string
  /** `refs/tags/v1.2.0`, `refs/heads/main` or `HEAD`. */
  readonly ref: string
  readonly insecure: readonly string[]
  /** Where a temporary folder is made. */
  readonly folder: string
}

const TIMEOUT_MS = 60_000
const MAX_LOG_BYTES = 64 * 1024

/** An annotated tag gives the commit that it points to. Throws BuildError of stage `source`. */
export async function resolveRemoteRef(
  request: RemoteRefRequest,
  signal: AbortSignal,
): Promise<string> {
  const location = parseSourceLocation(request.repository)
  const addresses = await checkSourceLocation(location, request.insecure)
  return withWorkFolder(request.folder, 'ref-', async (work) => {
    const log = new BuildLog(join(work, 'log'), MAX_LOG_BYTES)
    try {
      const git = new GitFetch({ location, addresses, work, log, timeoutMs: TIMEOUT_MS }, signal)
      await git.prepare('')
      return await git.remoteCommit(request.ref)
    } finally {
      log.close()
    }
  })
}
