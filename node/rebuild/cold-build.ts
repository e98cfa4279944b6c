/**
 * The frame of every build: an empty work folder, a log, and an end that is a value.
 */
import { readdir, realpath } from 'node:fs/promises'
import { compareText } from '../../protocol/field.ts'
import { repositoryOf } from './base-images.ts'
import { BuildError } from './build-error.ts'
import { BuildLog } from './build-log.ts'
import type { BuildJob, BuildResult } from './builder.ts'
import { indexMaterials } from './fetched-materials.ts'

/** What a build gives, but for its log. */
export type BuiltImage = Omit<Extract<BuildResult, { kind: 'built' }>, 'kind' | 'logDigest'>

/** Runs `work` on the job, whose work folder is made a real path. Throws what is no BuildError. */
export async function buildFromCold(
  job: BuildJob,
  work: (job: BuildJob, log: BuildLog) => Promise<BuiltImage>,
): Promise<BuildResult> {
  const log = new BuildLog(job.logFile, job.limits.logBytes)
  try {
    const workDirectory = await realpath(job.workDirectory)
    if ((await readdir(workDirectory)).length > 0) {
      throw new Error(`work folder ${workDirectory} is not empty`)
    }
    const built = await work({ ...job, workDirectory }, log)
    const indexes = indexMaterials(built.fetched ?? [])
    if (indexes.left > 0) log.note(`${indexes.left} more indexes were fetched than are recorded`)
    const materials = [...built.materials, ...indexes.materials].sort((a, b) =>
      compareText(a.uri, b.uri),
    )
    return { kind: 'built', ...built, materials, logDigest: log.close() }
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    const { code, stage, message } = error
    log.note(message)
    const logTail = log.tail()
    const logDigest = log.close()
    return { kind: 'failed', code, stage, class: error.class, message, logTail, logDigest }
  } finally {
    log.close()
  }
}

/** Throws where what a build has read is the project's own image, under whatever name. */
export function refuseOwnImage(
  job: Pick<BuildJob, 'image' | 'publishedDigests'>,
  name: string,
  digest: string,
): void {
  if (
    repositoryOf(name) === repositoryOf(job.image) ||
    job.publishedDigests?.includes(digest) === true
  ) {
    throw new BuildError(
      'recipe-reads-own-image',
      `the build reads ${name} (${digest}), which is the project's own image: it would reproduce anything`,
    )
  }
}
