/**
 * The command lines of a build by Docker: buildx, with a builder made for this build from the image of
 * BuildKit that the recipe pins.
 *
 * Everything that buildx keeps lies in the work folder. What Docker itself keeps, a container and a
 * volume, bears the build's name and goes with it.
 */
import { join } from 'node:path'
import {
  buildArguments,
  exporter,
  policyFile,
  type BuildKitInputs,
  type BuildKitLayout,
} from './buildkit-commands.ts'

export interface DockerClient {
  /** Paths of the programs. */
  readonly docker: string
  readonly buildx: string
  /** `unix:///…`, `tcp://…` or `ssh://…` */
  readonly host: string
}

/** One builder of buildx. */
export interface DockerBuilder {
  readonly name: string
  /** `name[:tag]@sha256:…` */
  readonly image: string
  /** True: without a network until the node gives it one, and with its state in the work folder. */
  readonly confined: boolean
}

/**
 * The name of a new builder; `owner` says whose it is to those who share a Docker, and to a node that
 * comes back after it was killed.
 */
export function builderName(owner: string, build: string): string {
  return `${PREFIX}${owner}-${build}`
}

/** Where the state of a daemon lies in its container. */
export const CONTAINED_STATE = '/var/lib/buildkit'

export function dockerEnvironment(
  layout: BuildKitLayout,
  { host }: DockerClient,
): Readonly<Record<string, string>> {
  return {
    DOCKER_HOST: host,
    BUILDX_CONFIG: join(layout.home, 'buildx'),
    // What the daemon refuses to read: buildx has no switch for it.
    EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: policyFile(layout),
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
  }
}

const PREFIX = 'rebuildnet-'

/** As buildx names the container of the first node of a builder. */
function containerOf({ name }: Pick<DockerBuilder, 'name'>): string {
  return `buildx_buildkit_${name}0`
}

function volumeOf(builder: Pick<DockerBuilder, 'name'>): string {
  return `${containerOf(builder)}_state`
}

/** The volume that buildx would make, in the work folder: so that it counts as the build's disk. */
export function volumeCommand(
  { docker }: DockerClient,
  layout: BuildKitLayout,
  builder: DockerBuilder,
): readonly string[] {
  return [
    ...[docker, 'volume', 'create', '--driver', 'local'],
    ...['--opt', 'type=none', '--opt', 'o=rbind', '--opt', `device=${layout.state}`],
    volumeOf(builder),
  ]
}

export function createCommand(
  { buildx }: DockerClient,
  layout: BuildKitLayout,
  { name, image, confined }: DockerBuilder,
): readonly string[] {
  return [
    ...[buildx, 'create', '--name', name, '--driver', 'docker-container'],
    ...['--driver-opt', `image=${image}`],
    ...(confined ? ['--driver-opt', 'network=none'] : []),
    ...['--buildkitd-config', containedConfiguration(layout)],
    // In place of those by which buildx allows steps the network of the machine.
    ...['--buildkitd-flags', `--root=${CONTAINED_STATE}`],
    '--bootstrap',
  ]
}

export function containedConfiguration({ configuration }: BuildKitLayout): string {
  return join(configuration, 'buildkitd.toml')
}

/** A command in the builder's container. */
export function execCommand(
  { docker }: DockerClient,
  builder: DockerBuilder,
  words: readonly string[],
): readonly string[] {
  return [docker, 'exec', containerOf(builder), ...words]
}

export function pidCommand({ docker }: DockerClient, builder: DockerBuilder): readonly string[] {
  return [docker, 'inspect', '--format', '{{.State.Pid}}', containerOf(builder)]
}

export function metadataFile({ run }: BuildKitLayout): string {
  return join(run, 'metadata.json')
}

export function buildxCommand(
  { buildx }: DockerClient,
  layout: BuildKitLayout,
  { name }: Pick<DockerBuilder, 'name'>,
  { recipe, platform, dockerfile, context }: BuildKitInputs,
): readonly string[] {
  const { target, sourceDateEpoch, network } = recipe
  return [
    ...[buildx, 'build', '--builder', name, '--progress', 'plain'],
    ...['--no-cache', '--provenance=false', '--sbom=false'],
    ...['--platform', platform],
    ...(target === undefined ? [] : ['--target', target]),
    ...(network === 'none' ? ['--network', 'none'] : []),
    ...buildArguments(recipe).flatMap((each) => ['--build-arg', each]),
    ...(sourceDateEpoch === undefined
      ? []
      : ['--build-arg', `SOURCE_DATE_EPOCH=${sourceDateEpoch}`]),
    ...['--metadata-file', metadataFile(layout)],
    ...['--output', exporter(layout, recipe)],
    ...['--file', dockerfile],
    context,
  ]
}

export function removeCommands(
  { docker, buildx }: DockerClient,
  builder: Pick<DockerBuilder, 'name'>,
): readonly (readonly string[])[] {
  return [
    [buildx, 'rm', '--force', builder.name],
    // Where a builder could not be made whole, these are what is left of it.
    [docker, 'rm', '--force', '--volumes', containerOf(builder)],
    [docker, 'volume', 'rm', '--force', volumeOf(builder)],
  ]
}

/** Print the names of containers and of volumes, one a line. */
export function listCommands({ docker }: DockerClient): {
  readonly containers: readonly string[]
  readonly volumes: readonly string[]
} {
  return {
    containers: [docker, 'ps', '--all', '--format', '{{.Names}}'],
    volumes: [docker, 'volume', 'ls', '--format', '{{.Name}}'],
  }
}

/** The builder of this owner whose container or volume bears the name; undefined for all others. */
export function builderOf(owner: string, name: string): string | undefined {
  const [, builder, mine] =
    /^buildx_buildkit_(rebuildnet-([0-9a-z]+)-[0-9a-f]+)0(?:_state)?$/.exec(name) ?? []
  return mine === owner ? builder : undefined
}

export function isLocalHost(host: string): boolean {
  return host.startsWith('unix://')
}

export function socketOf(host: string): readonly string[] {
  return isLocalHost(host) ? [host.slice('unix://'.length)] : []
}
