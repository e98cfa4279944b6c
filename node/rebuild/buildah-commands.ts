/**
 * The command lines of a build by buildah.
 *
 * All state is named: storage, run state, registries, policy and credentials (none) lie in the
 * work folder, so the machine's own configuration changes nothing and nothing global is left.
 * Base images are pulled first, so that the build itself needs no network where the recipe asks
 * for none, and a registry that is down cannot be taken for a recipe that fails.
 */
import { join } from 'node:path'
import type { Recipe } from '../../protocol/recipe.ts'
import { BuildError } from './build-error.ts'
import { SYSTEM_PATH } from './sandbox.ts'

/** Where everything of one build lies. */
export interface BuildahLayout {
  readonly work: string
  readonly storage: string
  readonly run: string
  readonly temporary: string
  readonly home: string
  readonly configuration: string
  /** Where the sandbox's root is assembled. */
  readonly root: string
  /** The OCI layout that comes out. */
  readonly image: string
}

export function layOut(work: string): BuildahLayout {
  return {
    work,
    storage: join(work, 'storage'),
    run: join(work, 'run'),
    temporary: join(work, 'tmp'),
    home: join(work, 'home'),
    configuration: join(work, 'configuration'),
    root: join(work, 'root'),
    image: join(work, 'image'),
  }
}

export type BuildahProgram = 'buildah' | 'podman'

/** What the host decides about the command line, and nobody else. */
export interface BuildahHost {
  /** Podman builds by the same engine, and says some things in other words. */
  readonly program: BuildahProgram
  readonly version: string
  readonly storageDriver: 'overlay' | 'vfs'
  /** `--ulimit` values, where newer versions ask for more than this process may have. */
  readonly ulimits: readonly string[]
}

/** Name of the built image in the build's own storage. */
const IMAGE_NAME = 'rebuildnet.invalid/image:built'
const IMAGE_TAG = 'built'

export function isBuiltImageName(name: string): boolean {
  return name === IMAGE_NAME
}

/**
 * What root in a RUN step may do. Without MKNOD, since isolation by chroot has no device control
 * and a device node of the host's disk would be the host's disk.
 */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
].map((name) => `CAP_${name}`)

/** The whole environment of every command: no variable of the node's own is in it. */
export function buildahEnvironment(layout: BuildahLayout): Readonly<Record<string, string>> {
  return {
    PATH: SYSTEM_PATH,
    HOME: layout.home,
    TMPDIR: layout.temporary,
    XDG_RUNTIME_DIR: layout.run,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    BUILDAH_ISOLATION: 'chroot',
    REGISTRY_AUTH_FILE: join(layout.configuration, 'auth.json'),
    CONTAINERS_CONF: join(layout.configuration, 'containers.conf'),
    CONTAINERS_REGISTRIES_CONF: join(layout.configuration, 'registries.conf'),
    CONTAINERS_STORAGE_CONF: join(layout.configuration, 'storage.conf'),
  }
}

/** Files of `layout.configuration`, by name. */
export function configurationFiles(
  layout: BuildahLayout,
  host: BuildahHost,
  insecureRegistries: readonly string[],
): Readonly<Record<string, string>> {
  const registries = insecureRegistries.map(
    (location) => `[[registry]]\nlocation = ${JSON.stringify(location)}\ninsecure = true\n`,
  )
  return {
    // What is pulled is checked by digest where the recipe pins one; signatures are not ours to ask.
    'policy.json': '{"default":[{"type":"insecureAcceptAnything"}]}\n',
    'auth.json': '{}\n',
    'aliases.conf': '',
    // Locks in files: each command of Podman has a /dev/shm of its own.
    'containers.conf': `[containers]\ndefault_capabilities = ${JSON.stringify(CAPABILITIES)}\nvolumes = []\n[engine]\nlock_type = "file"\nruntime = "runc"\ncgroup_manager = "cgroupfs"\ntmp_dir = ${JSON.stringify(join(layout.run, 'libpod'))}\n`,
    'mounts.conf': '',
    'registries.conf': `unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n${registries.join('')}`,
    'storage.conf': `[storage]\ndriver = "${host.storageDriver}"\nrunroot = ${JSON.stringify(layout.run)}\ngraphroot = ${JSON.stringify(layout.storage)}\n`,
  }
}

function buildah(layout: BuildahLayout, host: BuildahHost): readonly string[] {
  const file = (name: string): string => join(layout.configuration, name)
  // Podman takes all of it from the files that buildahEnvironment names: as an option it refuses a
  // run state whose path has more than 50 characters, as that of every node has.
  if (host.program === 'podman') return ['podman', '--events-backend', 'none']
  const storage = [
    ...['--root', layout.storage],
    ...['--runroot', layout.run],
    ...['--storage-driver', host.storageDriver],
  ]
  return [
    'buildah',
    ...storage,
    ...['--registries-conf', file('registries.conf')],
    ...['--registries-conf-dir', file('registries.conf.d')],
    ...['--short-name-alias-conf', file('aliases.conf')],
  ]
}

function trust(layout: BuildahLayout): readonly string[] {
  const file = (name: string): string => join(layout.configuration, name)
  return ['--signature-policy', file('policy.json'), '--authfile', file('auth.json')]
}

export function pullCommand(
  layout: BuildahLayout,
  host: BuildahHost,
  platform: string,
  image: string,
): readonly string[] {
  return [
    ...buildah(layout, host),
    'pull',
    ...trust(layout),
    ...['--platform', platform],
    `docker://${image}`,
  ]
}

/** Prints the digest of an image that has been pulled. */
export function inspectCommand(
  layout: BuildahLayout,
  host: BuildahHost,
  image: string,
): readonly string[] {
  const format = host.program === 'podman' ? '{{.Digest}}' : '{{.FromImageDigest}}'
  return [...buildah(layout, host), 'inspect', '--type', 'image', '--format', format, image]
}

export function listCommand(layout: BuildahLayout, host: BuildahHost): readonly string[] {
  const json = host.program === 'podman' ? ['--format', 'json'] : ['--json']
  return [...buildah(layout, host), 'images', '--all', ...json]
}

export interface BuildInputs {
  readonly recipe: Recipe
  readonly platform: string
  /** Real paths. */
  readonly dockerfile: string
  readonly context: string
}

export function budCommand(
  layout: BuildahLayout,
  host: BuildahHost,
  { recipe, platform, dockerfile, context }: BuildInputs,
): readonly string[] {
  return [
    ...buildah(layout, host),
    host.program === 'podman' ? 'build' : 'bud',
    ...trust(layout),
    ...(host.program === 'podman'
      ? []
      : ['--default-mounts-file', join(layout.configuration, 'mounts.conf')]),
    ...['--no-cache', '--layers=false', '--pull=false', '--http-proxy=false'],
    // Chroot isolation can do nothing else; `network = "none"` is the sandbox's work.
    ...['--isolation', 'chroot', '--network', 'host'],
    ...['--format', 'oci', '--platform', platform],
    ...host.ulimits.flatMap((limit) => ['--ulimit', limit]),
    ...timeArguments(host, recipe.sourceDateEpoch),
    ...pairs('--build-arg', recipe.buildArgs, 'SOURCE_DATE_EPOCH'),
    ...pairs('--annotation', recipe.annotations),
    ...(recipe.target === undefined ? [] : ['--target', recipe.target]),
    ...['--tag', IMAGE_NAME],
    ...['--file', dockerfile],
    context,
  ]
}

export function pushCommand(
  layout: BuildahLayout,
  host: BuildahHost,
  recipe: Recipe,
): readonly string[] {
  return [
    ...buildah(layout, host),
    'push',
    ...trust(layout),
    ...exporterArguments(recipe),
    IMAGE_NAME,
    imageReference(layout),
  ]
}

/** Where the built image is, as skopeo writes it. */
export function imageReference(layout: BuildahLayout): string {
  return `oci:${layout.image}:${IMAGE_TAG}`
}

function pairs(
  flag: string,
  values: Readonly<Record<string, string>> | undefined,
  except?: string,
): readonly string[] {
  return Object.entries(values ?? {})
    .filter(([key]) => key !== except)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => [flag, `${key}=${value}`])
}

/** 1.41 can clamp times to the epoch, as BuildKit does; older versions can only set them all to it. */
function timeArguments(
  { program, version }: BuildahHost,
  epoch: number | undefined,
): readonly string[] {
  if (epoch === undefined) return []
  const clamp = isAtLeast(version, program === 'podman' ? [5, 6] : [1, 41])
  return [
    ...(clamp
      ? ['--source-date-epoch', String(epoch), '--rewrite-timestamp']
      : ['--timestamp', String(epoch)]),
    ...['--build-arg', `SOURCE_DATE_EPOCH=${epoch}`],
  ]
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/**
 * Whether a build in a user namespace gives the bits of one without. Earlier versions write the
 * marks that overlay leaves there (`user.overlay.origin`) into layers. Podman 5.4 has buildah 1.39.
 */
export function keepsBitsOfUsers(program: BuildahProgram, version: string): boolean {
  const [major = 0, minor = 0] = OWN_USERS_SINCE[program].split('.').map(Number)
  return isAtLeast(version, [major, minor])
}

export const OWN_USERS_SINCE: Readonly<Record<BuildahProgram, string>> = {
  buildah: '1.39',
  podman: '5.4',
}

const COMPRESSIONS = ['gzip', 'zstd', 'uncompressed']

function exporterArguments(recipe: Recipe): readonly string[] {
  const out: string[] = []
  for (const [key, value] of Object.entries(recipe.exporter ?? {})) {
    // What buildah does anyway.
    if (key === 'rewrite-timestamp' && value === 'true') continue
    if (key === 'oci-mediatypes' && value === 'true') continue
    if (key === 'compression' && COMPRESSIONS.includes(value)) {
      if (value === 'uncompressed') out.push('--disable-compression')
      else out.push('--compression-format', value)
    } else if (key === 'compression-level' && /^[0-9]{1,2}$/.test(value)) {
      out.push('--compression-level', value)
    } else {
      throw new BuildError(
        'recipe-not-supported',
        `buildah has no exporter option ${JSON.stringify(`${key}=${value}`)}: install a builder that has, or follow with --no-build`,
      )
    }
  }
  return out
}
