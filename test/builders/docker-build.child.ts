/** A node in the middle of a build by Docker, to be killed. Argument: options and job, as JSON. */
import { Docker, type DockerOptions } from '../../node/rebuild/docker.ts'
import type { BuildJob } from '../../node/rebuild/builder.ts'

export interface ChildBuild {
  readonly options: DockerOptions
  readonly job: BuildJob
}

const [text = ''] = process.argv.slice(2)
const { options, job } = JSON.parse(text) as ChildBuild
await new Docker(options).build(job, new AbortController().signal)
