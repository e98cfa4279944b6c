/**
 * What a node that was killed has left with Docker: containers of BuildKit that nobody ends, and their
 * volumes. Names carry whose they are, so that those of others who share the Docker stay.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { builderOf, listCommands, removeCommands, type DockerClient } from './docker-commands.ts'
import { printOf } from './print-of.ts'
import { SYSTEM_PATH } from './sandbox.ts'

const REMOVE_TIMEOUT_MS = 60_000

/** The builders of `owner` that were taken away. Where Docker does not answer there are none. */
export async function sweepDocker(
  client: DockerClient,
  owner: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ask = ([docker = '', ...words]: readonly string[]): Promise<string | undefined> =>
    printOf([docker, '--host', client.host, ...words], signal)
  const { containers, volumes } = listCommands(client)
  const names = `${(await ask(containers)) ?? ''}\n${(await ask(volumes)) ?? ''}`.split('\n')
  const left = new Set(names.flatMap((name) => builderOf(owner, name) ?? []))
  const env = { PATH: SYSTEM_PATH, DOCKER_HOST: client.host }
  for (const name of left) {
    // What buildx knew of it went with the work folder: container and volume are all that is left.
    for (const [file = '', ...args] of removeCommands(client, { name }).slice(1)) {
      const options = { env, timeout: REMOVE_TIMEOUT_MS, signal }
      await promisify(execFile)(file, args, options).catch(() => undefined)
    }
  }
  return [...left].sort()
}
