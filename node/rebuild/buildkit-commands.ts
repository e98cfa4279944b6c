/**
 * The command lines of a build by BuildKit: buildkitd where the node starts one, buildctl always.
 *
 * Nothing is asked for that a recipe could misuse: no entitlement is ever allowed, no secret and
 * no agent is forwarded, no cache is imported. The source policy refuses the project's own
 * repository and, where the recipe asks for no network, everything that is fetched by URL.
 */
import { basename, dirname, join } from 'node:path'
import type { Recipe } from '../../protocol/recipe.ts'
import { repositoryOf } from './base-images.ts'
import { BuildError } from './build-error.ts'
import { SYSTEM_PATH } from './sandbox.ts'

/** Where everything of one build lies. */
export interface BuildKitLayout {
  readonly work: string
  /** What buildkitd keeps: one build's worth of it. */
  readonly state: string
  readonly run: string
  readonly temporary: string
  readonly home: string
  readonly configuration: string
  /** Where the sandbox's root is assembled. */
  readonly root: string
  /** The OCI layout that comes out. */
  readonly image: string
  /** Where buildctl writes what the daemon calls this build. */
  readonly reference: string
}

export function layOutBuildKit(work: string): BuildKitLayout {
  return {
    work,
    state: join(work, 'state'),
    run: join(work, 'run'),
    temporary: join(work, 'tmp'),
    home: join(work, 'home'),
    configuration: join(work, 'configuration'),
    root: join(work, 'root'),
    image: join(work, 'image'),
    reference: join(work, 'run', 'reference'),
  }
}

/** The whole environment of every command: no variable of the node's own is in it. */
export function buildKitEnvironment(layout: BuildKitLayout): Readonly<Record<string, string>> {
  return {
    PATH: SYSTEM_PATH,
    HOME: layout.home,
    TMPDIR: layout.temporary,
    // No credentials of the user's: base images are public.
    DOCKER_CONFIG: layout.configuration,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
  }
}

/** Files by which both sides of mutual TLS are known; absolute paths. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** Name in the daemon's certificate, where it is not the host of its address. */
  readonly serverName?: string
}

/** How a client reaches a daemon. */
export interface BuildKitClient {
  /** Path of the program. */
  readonly buildctl: string
  /** `unix://…` or `tcp://…` */
  readonly address: string
  readonly tls?: TlsFiles
}

export function clientCommand(client: BuildKitClient): readonly string[] {
  const { buildctl, address, tls } = client
  return [
    buildctl,
    ...['--addr', address],
    ...(tls === undefined
      ? []
      : ['--tlscacert', tls.ca, '--tlscert', tls.cert, '--tlskey', tls.key]),
    ...(tls?.serverName === undefined ? [] : ['--tlsservername', tls.serverName]),
  ]
}

/** Words for buildctl, after those of `clientCommand`. */
export const infoWords = (waitSeconds: number): readonly string[] => [
  ...['--wait', '--timeout', String(waitSeconds)],
  ...['debug', 'info'],
]

export const WORKERS_WORDS: readonly string[] = ['debug', 'workers']

/** Prints the records of the daemon's builds, one JSON value a line. */
export const HISTORIES_WORDS: readonly string[] = ['debug', 'histories', '--format', '{{json .}}']

export const blobWords = (digest: string): readonly string[] => ['debug', 'get', digest]

export interface BuildKitInputs {
  readonly recipe: Recipe
  readonly platform: string
  /** Real paths. */
  readonly dockerfile: string
  readonly context: string
  /** Keeps cache mounts of one build from those of another, where the daemon outlives it. */
  readonly cacheNamespace?: string
}

export function buildCommand(
  client: BuildKitClient,
  layout: BuildKitLayout,
  { recipe, platform, dockerfile, context, cacheNamespace }: BuildKitInputs,
): readonly string[] {
  const { target, sourceDateEpoch, network } = recipe
  const options = [
    `filename=${basename(dockerfile)}`,
    `platform=${platform}`,
    ...(target === undefined ? [] : [`target=${target}`]),
    ...(network === 'none' ? ['force-network-mode=none'] : []),
    ...buildArguments(recipe).map((each) => `build-arg:${each}`),
    ...(sourceDateEpoch === undefined ? [] : [`build-arg:SOURCE_DATE_EPOCH=${sourceDateEpoch}`]),
    ...(cacheNamespace === undefined
      ? []
      : [`build-arg:BUILDKIT_CACHE_MOUNT_NS=${cacheNamespace}`]),
  ]
  return [
    ...clientCommand(client),
    ...['build', '--progress', 'plain', '--no-cache'],
    ...['--frontend', 'dockerfile.v0'],
    ...['--local', `context=${context}`],
    ...['--local', `dockerfile=${dirname(dockerfile)}`],
    ...options.flatMap((option) => ['--opt', option]),
    ...['--source-policy-file', policyFile(layout)],
    ...['--ref-file', layout.reference],
    ...['--output', exporter(layout, recipe)],
  ]
}

/** Build arguments that change how BuildKit itself works, and may be given. */
const KNOWN_SWITCHES = ['BUILDKIT_SYNTAX', 'BUILDKIT_INLINE_CACHE', 'BUILDKIT_SANDBOX_HOSTNAME']

/** `KEY=value`, sorted; SOURCE_DATE_EPOCH, which the recipe has a field for, is left out. */
export function buildArguments({ buildArgs }: Recipe): readonly string[] {
  return Object.entries(buildArgs ?? {})
    .filter(([key]) => key !== 'SOURCE_DATE_EPOCH')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      if (key.startsWith('BUILDKIT_') && !KNOWN_SWITCHES.includes(key)) {
        throw new BuildError(
          'recipe-not-supported',
          `the build argument ${key} changes how BuildKit works: a recipe may give ${KNOWN_SWITCHES.join(', ')}`,
        )
      }
      return `${key}=${value}`
    })
}

const BOOLEAN = /^(?:true|false)$/

/** The exporter options that a recipe may give: what each may be. */
const EXPORTER_OPTIONS: Readonly<Record<string, RegExp>> = {
  'rewrite-timestamp': BOOLEAN,
  'oci-mediatypes': BOOLEAN,
  'force-compression': BOOLEAN,
  compression: /^(?:gzip|zstd|estargz|uncompressed)$/,
  'compression-level': /^[0-9]{1,2}$/,
  'compatibility-version': /^[0-9]{1,3}$/,
}

/** What both buildctl and buildx take after `--output`. */
export function exporter(layout: BuildKitLayout, recipe: Recipe): string {
  const options = new Map<string, string>([
    ['type', 'oci'],
    ['dest', layout.image],
    ['tar', 'false'],
    ['oci-mediatypes', 'true'],
    ...(recipe.sourceDateEpoch === undefined ? [] : [['rewrite-timestamp', 'true'] as const]),
  ])
  for (const [key, value] of Object.entries(recipe.exporter ?? {})) {
    if (EXPORTER_OPTIONS[key]?.test(value) !== true) {
      throw new BuildError(
        'recipe-not-supported',
        `the exporter option ${JSON.stringify(`${key}=${value}`)} is none of ${Object.keys(EXPORTER_OPTIONS).join(', ')}`,
      )
    }
    options.set(key, value)
  }
  for (const [key, value] of Object.entries(recipe.annotations ?? {})) {
    // buildctl makes option names lower case, and reads one line.
    if (key !== key.toLowerCase() || /[=\r\n]/.test(key) || /[\r\n]/.test(value)) {
      throw new BuildError(
        'recipe-not-supported',
        `buildctl cannot set the annotation ${JSON.stringify(key)} as it is: use lower case and one line`,
      )
    }
    options.set(`annotation.${key}`, value)
  }
  return [...options].map(([key, value]) => csvField(`${key}=${value}`)).join(',')
}

/** RFC 4180. */
function csvField(text: string): string {
  return /[",\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function policyFile(layout: BuildKitLayout): string {
  return join(layout.configuration, 'source-policy.json')
}

/** What the daemon refuses to read for this build. Of several rules the last that fits holds. */
export function sourcePolicy(image: string, { network, egress }: Recipe): string {
  const own = [...new Set([image, repositoryOf(image)])].map(
    (name) => `^docker-image://${escapeRegex(name)}([:@].*)?$`,
  )
  const closed = network === 'none' || egress !== undefined
  const hosts = (egress ?? []).map(
    (host) => `^(https?|git)://${escapeRegex(host)}${host.includes(':') ? '' : '(:80|:443)?'}/`,
  )
  const rules = [
    ...own.map((identifier) => ruleOf('DENY', identifier)),
    ...(closed ? [ruleOf('DENY', '^(https?|git)://')] : []),
    ...hosts.map((identifier) => ruleOf('ALLOW', identifier)),
  ]
  return `${JSON.stringify({ rules }, null, 2)}\n`
}

function ruleOf(action: 'ALLOW' | 'DENY', identifier: string) {
  return { action, selector: { identifier, matchType: 'REGEX' } }
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[.+*?()[\]{}|\\^$]/g, '\\$&')
}
