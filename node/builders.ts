/** The builders of a node, in the order in which a recipe that allows several is given one. */
import type { BuilderConfig } from './builder-config.ts'
import { Buildah } from './rebuild/buildah.ts'
import type { Builder } from './rebuild/builder.ts'
import { BuildKit } from './rebuild/buildkit.ts'
import { CommandBuilder } from './rebuild/command-builder.ts'
import { Docker } from './rebuild/docker.ts'
import { Podman } from './rebuild/podman.ts'

/** `owner`: the node whose builds they are, in letters and digits; absent where none is built. */
export function makeBuilders(
  { buildkit, buildkitPrograms, docker, command }: BuilderConfig,
  owner?: string,
): readonly Builder[] {
  const programs = buildkitPrograms === undefined ? {} : { programs: buildkitPrograms }
  return [
    ...buildkit.map((remote) => new BuildKit({ ...programs, remote })),
    new Buildah(),
    // Who names daemons elsewhere wants builds to be there.
    ...(buildkit.length === 0 ? [new BuildKit(programs)] : []),
    new Podman(),
    new Docker({ ...docker, ...(owner === undefined ? {} : { owner }) }),
    ...(command === undefined ? [] : [new CommandBuilder(command)]),
  ]
}
