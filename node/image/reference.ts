/**
 * Image references: skopeo's transport names, Docker's rules for names.
 *
 * `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`, `docker://NAME`; a bare
 * name is `docker://`. The path of a local image ends at its first colon, as in skopeo.
 */
import { isDigest, type Digest, type ImageName } from '../../protocol/identifiers.ts'
import { isImageName } from '../../protocol/image-name.ts'
import { ImageError } from './image-error.ts'

interface LocalReference {
  readonly transport: 'oci' | 'oci-archive' | 'docker-archive'
  readonly path: string
  /** The tag in an OCI layout, or `name:tag` in a docker-archive. */
  readonly tag?: string
}

export interface RegistryReference {
  readonly transport: 'docker'
  /** `host[:port]`; Docker Hub is `docker.io`. */
  readonly registry: string
  readonly repository: string
  /** At least one of the two; where both are given the digest decides. */
  readonly tag?: string
  readonly digest?: Digest
}

export type ImageReference = LocalReference | RegistryReference

const LOCAL = /^(oci|oci-archive|docker-archive):(.*)$/s
const UNSUPPORTED = /^(docker-daemon|containers-storage|dir|tarball|sif|ostree|atomic):/

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

/** Throws ImageError `reference-syntax` or `reference-transport`. */
export function parseReference(text: string): ImageReference {
  if (text === '' || /\p{Cc}/u.test(text))
    throw syntax(text, 'it is empty or has control characters')
  const local = LOCAL.exec(text)
  if (local !== null)
    return parseLocal(local[1] as LocalReference['transport'], local[2] as string, text)
  const unsupported = UNSUPPORTED.exec(text)
  if (unsupported !== null) {
    throw new ImageError(
      'reference-transport',
      `image reference "${text}": transport "${unsupported[1] as string}" is not supported; use oci:, oci-archive:, docker-archive: or docker://`,
    )
  }
  return parseRegistryReference(
    text.startsWith('docker://') ? text.slice('docker://'.length) : text,
  )
}

/** Parses a Docker image name without a transport; `latest` where neither tag nor digest is given. */
export function parseRegistryReference(text: string): RegistryReference {
  const [named, digest, ...more] = text.split('@')
  if (named === undefined || more.length > 0) throw syntax(text, 'more than one "@"')
  if (digest !== undefined && !isDigest(digest)) {
    throw syntax(text, 'the digest must be sha256: and 64 lowercase hex digits')
  }
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const tag = hasTag ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !TAG.test(tag)) throw syntax(text, 'the tag is not valid')
  const { registry, repository } = parseName(hasTag ? named.slice(0, colon) : named, text)
  if (digest !== undefined) {
    return {
      transport: 'docker',
      registry,
      repository,
      ...(tag === undefined ? {} : { tag }),
      digest,
    }
  }
  return { transport: 'docker', registry, repository, tag: tag ?? 'latest' }
}

/** The one spelling of a reference: what reports and results print. */
export function encodeReference(reference: ImageReference): string {
  if (reference.transport !== 'docker') {
    return `${reference.transport}:${reference.path}${reference.tag === undefined ? '' : `:${reference.tag}`}`
  }
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `docker://${repositoryName(reference)}${tag}${digest}`
}

/** `host/path`, as projects and statements name a repository. */
export function repositoryName(reference: RegistryReference): ImageName {
  return `${reference.registry}/${reference.repository}`
}

function parseLocal(
  transport: LocalReference['transport'],
  rest: string,
  text: string,
): LocalReference {
  const colon = rest.indexOf(':')
  const path = colon < 0 ? rest : rest.slice(0, colon)
  const tag = colon < 0 ? undefined : rest.slice(colon + 1)
  if (path === '') throw syntax(text, `a path must follow "${transport}:"`)
  if (tag === '') throw syntax(text, 'nothing follows the last ":"')
  return { transport, path, ...(tag === undefined ? {} : { tag }) }
}

function parseName(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isHost = first === 'localhost' || /[.:A-Z]/.test(first)
  let registry = isHost ? first.toLowerCase() : 'docker.io'
  let repository = isHost ? name.slice(slash + 1) : name
  if (registry === 'index.docker.io' || registry === 'registry-1.docker.io') registry = 'docker.io'
  if (registry === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`
  if (!isImageName(`${registry}/${repository}`)) {
    throw syntax(
      text,
      'a name is [host[:port]/]path, the path of lower case letters, digits and single separators',
    )
  }
  return { registry, repository }
}

function syntax(text: string, why: string): ImageError {
  return new ImageError('reference-syntax', `image reference "${text}" is not valid: ${why}`)
}
