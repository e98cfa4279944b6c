/** The base images of a build that is only planned: where its source has been fetched already. */
import { readFileSync } from 'node:fs'
import { findBaseImages } from './base-images.ts'
import type { BuildJob } from './builder.ts'

export function readPlannedBases(job: BuildJob, dockerfile: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(dockerfile, 'utf8')
  } catch {
    return []
  }
  return findBaseImages(text, job.recipe, job.platform, job.image)
}
