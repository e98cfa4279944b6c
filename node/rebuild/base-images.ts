/**
 * What a recipe may start from.
 *
 * A recipe that reads its project's own repository would reproduce anything, since the image would
 * be made from itself. So every image that the Dockerfile names is resolved with the recipe's
 * build arguments before anything is built, and compared. Only registries are read: a local
 * transport such as `oci:/path` would reach into the host. node/rebuild/README.md.
 */
import type { Recipe } from '../../protocol/recipe.ts'
import { isLoopbackHost } from '../system/public-address.ts'
import { BuildError } from './build-error.ts'
import {
  parseDockerfile,
  readAssignments,
  substitute,
  type Dockerfile,
  type Instruction,
} from './dockerfile.ts'

const LOCAL_TRANSPORTS =
  /^(?:containers-storage|dir|docker-archive|docker-daemon|oci|oci-archive|ostree|sif|tarball):/i

interface Stage {
  readonly name: string
  /** Stages, by index, that this one reads. */
  readonly stages: Set<number>
  readonly images: Set<string>
}

/**
 * The images that building `recipe` reads from registries, as the Dockerfile names them, sorted.
 * Only of the stages that the target needs. Throws BuildError where one of all is not allowed.
 */
export function findBaseImages(
  dockerfileText: string,
  recipe: Recipe,
  platform: string,
  ownImage: string,
): readonly string[] {
  const dockerfile = parseDockerfile(dockerfileText)
  const own = repositoryOf(ownImage)
  if (dockerfile.syntax !== undefined) refuseOwn(dockerfile.syntax, own, 1)
  for (const { image } of recipe.builders) {
    if (image === undefined || repositoryOf(image) !== own) continue
    throw new BuildError(
      'recipe-reads-own-image',
      `the recipe's builder is ${own}, the project's own image: it would reproduce anything`,
    )
  }
  const stages = readStages(dockerfile, recipe, platform, own)
  const needed = new Set<number>()
  const queue = [findTarget(stages, recipe.target)]
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (needed.has(at)) continue
    needed.add(at)
    queue.push(...(stages[at]?.stages ?? []))
  }
  return [...new Set([...needed].flatMap((at) => [...(stages[at]?.images ?? [])]))].sort()
}

function findTarget(stages: readonly Stage[], target: string | undefined): number {
  if (target === undefined) return stages.length - 1
  const at = stages.findIndex(({ name }) => name === target.toLowerCase())
  if (at >= 0) return at
  if (/^[0-9]+$/.test(target) && Number(target) < stages.length) return Number(target)
  throw new BuildError('dockerfile-invalid', `the Dockerfile has no stage "${target}"`)
}

function readStages(
  dockerfile: Dockerfile,
  recipe: Recipe,
  platform: string,
  own: string,
): readonly Stage[] {
  const given = new Map(Object.entries(recipe.buildArgs ?? {}))
  const globals = new Map(platformVariables(platform))
  let local = new Map<string, string>()
  const stages: Stage[] = []

  const read = (
    reference: string,
    stage: Stage,
    instruction: Instruction,
    scope: Map<string, string>,
  ) => {
    const image = substitute(reference, scope, dockerfile.escape)
    if (image === undefined || image === '') {
      throw new BuildError(
        'recipe-unresolved-image',
        `Dockerfile line ${instruction.line}: cannot tell which image ${JSON.stringify(reference)} is: give its variables as build arguments`,
      )
    }
    const before = stages.filter((other) => other !== stage)
    const byName = before.findIndex(({ name }) => name !== '' && name === image.toLowerCase())
    const byIndex = instruction.keyword !== 'FROM' && /^[0-9]+$/.test(image) ? Number(image) : -1
    refuseOwn(image, own, instruction.line)
    if (byName >= 0) stage.stages.add(byName)
    else if (byIndex >= 0) stage.stages.add(byIndex)
    else if (image !== 'scratch') stage.images.add(checkRemote(image, instruction.line))
  }

  for (const instruction of dockerfile.instructions) {
    const { keyword, flags, rest, line } = instruction
    refusePrivilege(instruction)
    const stage = stages.at(-1)
    if (keyword === 'FROM') {
      const [reference = '', as, name] = rest.split(/\s+/)
      const named = as?.toLowerCase() === 'as' ? (name ?? '').toLowerCase() : ''
      const next: Stage = { name: named, stages: new Set(), images: new Set() }
      stages.push(next)
      local = new Map(platformVariables(platform))
      read(reference.replaceAll(/["']/g, ''), next, instruction, globals)
    } else if (keyword === 'ARG') {
      const scope = stage === undefined ? globals : local
      for (const [key, written] of readAssignments(rest)) {
        const value =
          written === undefined ? undefined : substitute(written, scope, dockerfile.escape)
        const inherited = stage === undefined ? undefined : globals.get(key)
        const known =
          given.get(key) ?? value ?? inherited ?? (written === undefined ? '' : undefined)
        if (known === undefined) scope.delete(key)
        else scope.set(key, known)
      }
    } else if (keyword === 'ENV') {
      setEnvironment(rest, local, dockerfile.escape)
    } else if (stage !== undefined) {
      for (const reference of copiedFrom(instruction)) read(reference, stage, instruction, local)
      if (keyword === 'ADD') refuseOwnBlobs(rest, own, line, local, dockerfile.escape)
    }
    if (keyword === 'COPY' && flags.some((flag) => /^--from=(?:\.|\/)/.test(flag))) {
      throw new BuildError(
        'recipe-local-image',
        `Dockerfile line ${line}: COPY --from names a path`,
      )
    }
  }
  if (stages.length === 0) throw new BuildError('dockerfile-invalid', 'the Dockerfile has no FROM')
  return stages
}

function setEnvironment(rest: string, scope: Map<string, string>, escape: string): void {
  const old = /^([A-Za-z_][A-Za-z0-9_]*)\s+(.*)$/.exec(rest)
  const pairs =
    old !== null && !/^[A-Za-z_][A-Za-z0-9_]*=/.test(rest)
      ? [[old[1] ?? '', old[2]] as const]
      : readAssignments(rest)
  const values = pairs.map(([key, value]) => [key, substitute(value ?? '', scope, escape)] as const)
  for (const [key, value] of values) {
    if (value === undefined) scope.delete(key)
    else scope.set(key, value)
  }
}

/** Images and stages that COPY --from, ADD --from and RUN --mount=…,from= name. */
function copiedFrom({ keyword, flags }: Instruction): readonly string[] {
  if (keyword === 'COPY' || keyword === 'ADD') {
    return flags.filter((flag) => flag.startsWith('--from=')).map((flag) => flag.slice(7))
  }
  if (keyword !== 'RUN') return []
  return flags
    .filter((flag) => flag.startsWith('--mount='))
    .flatMap((flag) => flag.slice(8).split(','))
    .filter((option) => option.startsWith('from='))
    .map((option) => option.slice(5))
}

function refusePrivilege({ keyword, flags, line }: Instruction): void {
  const asked = flags.find(
    (flag) => keyword === 'RUN' && /^--(?:security=insecure|device)/.test(flag),
  )
  if (asked !== undefined) {
    throw new BuildError(
      'recipe-asks-privilege',
      `Dockerfile line ${line}: ${asked} asks for privileges that no rebuild is given`,
    )
  }
}

function checkRemote(image: string, line: number): string {
  if (LOCAL_TRANSPORTS.test(image)) {
    throw new BuildError(
      'recipe-local-image',
      `Dockerfile line ${line}: ${JSON.stringify(image)} is an image on this machine: name one in a registry`,
    )
  }
  const name = image.replace(/^docker:\/\//i, '')
  if (!/^[A-Za-z0-9[][A-Za-z0-9._:/@[\]+-]*$/.test(name)) {
    throw new BuildError(
      'dockerfile-invalid',
      `Dockerfile line ${line}: ${JSON.stringify(image)} is not an image reference`,
    )
  }
  return name
}

function refuseOwn(image: string, own: string, line: number): void {
  if (repositoryOf(image) === own) {
    throw new BuildError(
      'recipe-reads-own-image',
      `Dockerfile line ${line}: reads ${own}, the project's own image: it would reproduce anything`,
    )
  }
}

/** ADD of a URL can fetch layers of the own image from its registry's API. */
function refuseOwnBlobs(
  rest: string,
  own: string,
  line: number,
  scope: Map<string, string>,
  escape: string,
): void {
  const host = own.slice(0, own.indexOf('/'))
  const path = own.slice(own.indexOf('/') + 1)
  for (const word of rest.split(/\s+/)) {
    if (!/^["'[]*https?:/i.test(word)) continue
    const text = (substitute(word, scope, escape) ?? word).replaceAll(/["'[\],]/g, '')
    if (!URL.canParse(text)) continue
    const url = new URL(text)
    if (canonicalHost(url.host) === host && url.pathname.toLowerCase().includes(`/v2/${path}/`)) {
      refuseOwn(own, own, line)
    }
  }
}

/** `host[:port]` as a reference has it; undefined where it leaves the registry out. */
function registryOf(reference: string): string | undefined {
  const bare = reference.replace(/^docker:\/\//i, '')
  const first = bare.includes('/') ? bare.slice(0, bare.indexOf('/')) : ''
  const isHost = /[.:[\]A-Z]/.test(first) || first === 'localhost'
  return isHost ? first : undefined
}

/** Registries that are asked by plain http: those allowed, and those of this machine itself. */
export function plainRegistries(
  bases: readonly string[],
  insecure: readonly string[],
): readonly string[] {
  const loopback = bases
    .flatMap((base) => registryOf(base) ?? [])
    .filter((registry) => isLoopbackHost(registry.replace(/:[0-9]+$/, '')))
  return [...new Set([...insecure, ...loopback])]
}

/** `host/path` of a reference, in the one spelling in which two can be compared. */
export function repositoryOf(reference: string): string {
  const name = reference
    .replace(/^docker:\/\//i, '')
    .replace(/@.*$/, '')
    .replace(/:[^/]*$/, '')
  const registry = registryOf(name)
  const host = canonicalHost(registry ?? 'docker.io')
  const path = (registry === undefined ? name : name.slice(registry.length + 1)).toLowerCase()
  return host === 'docker.io' && !path.includes('/') ? `${host}/library/${path}` : `${host}/${path}`
}

const DOCKER_HUB = [
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
  'hub.docker.com',
]

function canonicalHost(host: string): string {
  const lower = host.toLowerCase().replace(/:(?:80|443)$/, '')
  if (DOCKER_HUB.includes(lower)) return 'docker.io'
  return lower.replace(/^(?:127(?:\.[0-9]+){3}|\[::1\])(?=:|$)/, 'localhost')
}

/** The variables that builders set by themselves. Those of the building machine stay unknown. */
function platformVariables(platform: string): readonly (readonly [string, string])[] {
  const [os = '', architecture = '', variant = ''] = platform.split('/')
  return [
    ['TARGETPLATFORM', platform],
    ['TARGETOS', os],
    ['TARGETARCH', architecture],
    ['TARGETVARIANT', variant],
  ]
}
