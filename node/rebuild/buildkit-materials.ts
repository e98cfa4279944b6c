/**
 * What a build by BuildKit read, as the daemon itself recorded it.
 *
 * The daemon keeps a SLSA provenance of each build in its history, also where none is attached to
 * the image. It names every image that was pulled (base images, what COPY --from took, frontends)
 * and every URL, each with the digest of what came.
 */
import type { Material } from '../../protocol/rebuild.ts'
import { BuildError } from './build-error.ts'

const PROVENANCE = 'https://slsa.dev/provenance/'

type Json = Readonly<Record<string, unknown>>

/** Digests of the provenance blobs of the build that the daemon calls `reference`. */
export function parseHistories(text: string, reference: string): readonly string[] {
  const digests: string[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const record = object(object(parse(line)).record)
    if (record.Ref !== reference) continue
    const results = [record.Result, ...Object.values(object(record.Results))]
    for (const each of results.flatMap((result) => list(object(result).Attestations))) {
      const { digest, annotations } = object(each)
      const type = object(annotations)['in-toto.io/predicate-type']
      if (typeof type !== 'string' || !type.startsWith(PROVENANCE)) continue
      if (typeof digest === 'string') digests.push(digest)
    }
  }
  return digests
}

/** The materials in a provenance predicate (SLSA 0.2 or 1), or in a statement that holds one. */
export function parseProvenance(text: string): readonly Material[] {
  const value = object(parse(text))
  const predicate = object(value.predicate ?? value)
  const listed = object(predicate.buildDefinition).resolvedDependencies ?? predicate.materials
  return list(listed).flatMap((each) => {
    const { uri, digest } = object(each)
    const { sha256 } = object(digest)
    if (typeof uri !== 'string') throw unreadable('a material without a name')
    // What the node gave itself, such as the context, has no digest and is pinned by the commit.
    if (typeof sha256 !== 'string') return []
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw unreadable(`a digest of ${uri}`)
    return [{ uri: imageUri(uri) ?? uri, digest: `sha256:${sha256}` }]
  })
}

/** `docker://name[:tag]` of a package URL `pkg:docker/name@tag?…`. */
function imageUri(uri: string): string | undefined {
  const [, path] = /^pkg:docker\/([^?#]+)/.exec(uri) ?? []
  if (path === undefined) return undefined
  const at = path.lastIndexOf('@')
  const name = at < 0 ? path : path.slice(0, at)
  const tag = at < 0 ? '' : `:${decodeURIComponent(path.slice(at + 1))}`
  return `docker://${decodeURIComponent(name)}${tag}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unreadable('text that is no JSON', cause)
  }
}

function unreadable(what: string, cause?: unknown): BuildError {
  return new BuildError(
    'builder-failed',
    `the daemon's account of what it read holds ${what}: use a BuildKit of 0.13 or later`,
    { cause },
  )
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
