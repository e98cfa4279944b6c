/**
 * The OCI distribution specification, version 1.1: pull, and push for those who publish.
 *
 * What has a digest is checked against it here, whoever delivered it: bytes that are not what was
 * asked for are a fault of the registry or the network (`registry-digest`), never of the image.
 */
import type { Crypto, Hasher } from '../../protocol/crypto.ts'
import { toHex } from '../../protocol/bytes.ts'
import { isDigest, type Digest } from '../../protocol/identifiers.ts'
import { failResponse, readBody } from './http-body.ts'
import { connectionError, type HttpResponse } from './http-transport.ts'
import { ImageError } from './image-error.ts'
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-types.ts'
import {
  RegistrySession,
  type RegistrySessionComponents,
  type Repository,
} from './registry-session.ts'

export type ManifestReference = Repository & { readonly tag?: string; readonly digest?: Digest }

export interface StoredManifest {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: Digest
}

export interface BlobDescriptor {
  readonly digest: Digest
  readonly size: number
}

export type PolledTag =
  | { readonly kind: 'unchanged' | 'gone' }
  | { readonly kind: 'digest'; readonly digest: Digest; readonly etag?: string }

export type PolledTags =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly etag?: string }

export interface RegistryClientComponents extends RegistrySessionComponents {
  readonly crypto: Crypto
}

export interface RegistryClientOptions {
  /** How often a body that breaks is resumed without a byte of progress in between. */
  readonly resumeAttempts: number
  readonly maxManifestBytes: number
  readonly maxBlobBytes: number
}

const defaultRegistryClientOptions: RegistryClientOptions = Object.freeze({
  resumeAttempts: 5,
  maxManifestBytes: 1024 * 1024,
  maxBlobBytes: 4 * 1024 ** 3,
})

const ACCEPT_MANIFEST = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX].join(', ')
const MAX_TAG_PAGE_BYTES = 1024 * 1024
const MAX_TAG_PAGES = 200
/** A server that drips single bytes between breaks is given up on. */
const MAX_RESUMPTIONS = 100

export class RegistryClient {
  readonly #components: RegistryClientComponents
  readonly #options: RegistryClientOptions
  readonly #session: RegistrySession

  constructor(components: RegistryClientComponents, options: Partial<RegistryClientOptions> = {}) {
    this.#components = components
    this.#session = new RegistrySession(components)
    this.#options = { ...defaultRegistryClientOptions, ...options }
  }

  async close(): Promise<void> {
    await this.#components.transport.close()
  }

  /** The manifest or index that a tag or digest names. */
  async getManifest(reference: ManifestReference, signal?: AbortSignal): Promise<StoredManifest> {
    const what = describe(reference)
    const response = await this.#session.send(reference, 'pull', {
      method: 'GET',
      path: `manifests/${target(reference)}`,
      headers: { accept: ACCEPT_MANIFEST },
      signal,
    })
    if (response.status !== 200) await failResponse(response, what)
    const mediaType = (response.header('content-type') ?? '')
      .replace(/;.*$/s, '')
      .trim()
      .toLowerCase()
    const claimed = response.header('docker-content-digest')
    const bytes = await readBody(response, this.#options.maxManifestBytes)
    const digest = `sha256:${toHex(this.#components.crypto.sha256(bytes))}`
    for (const expected of [reference.digest, claimed]) {
      if (expected?.startsWith('sha256:') === true && expected !== digest) {
        throw new ImageError(
          'registry-digest',
          `${what}: the registry sent a manifest that hashes to ${digest}, not to ${expected}`,
        )
      }
    }
    return { bytes, mediaType, digest }
  }

  /** The digest that a tag stands for now. */
  async resolveTag(reference: ManifestReference, signal?: AbortSignal): Promise<Digest> {
    const what = describe(reference)
    const response = await this.#session.send(reference, 'pull', {
      method: 'HEAD',
      path: `manifests/${target(reference)}`,
      headers: { accept: ACCEPT_MANIFEST },
      signal,
    })
    if (response.status !== 200) await failResponse(response, what)
    await response.body.dump()
    const digest = response.header('docker-content-digest')
    if (digest !== undefined && isDigest(digest)) return digest
    return (await this.getManifest(reference, signal)).digest
  }

  /**
   * The bytes of a blob, resumed where the connection breaks. The iteration throws at its end
   * unless they hash to the digest. `size` is a hint of where the end is: a blob that is larger
   * is delivered whole, so that the caller can tell a false descriptor from a false registry.
   */
  async *getBlob(
    repository: Repository,
    { digest, size }: BlobDescriptor,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const what = `${repository.registry}/${repository.repository}@${digest}`
    const hasher: Hasher = this.#components.crypto.createSha256()
    const { transport } = this.#components
    let received = 0
    let failures = 0
    for (let resumption = 0; ; resumption++) {
      const before = received
      let url: URL | undefined
      try {
        const response = await this.#openBlob(repository, digest, received, what, signal)
        url = response.url
        let skip = response.status === 200 ? received : 0
        for await (const piece of response.body as AsyncIterable<Uint8Array>) {
          const chunk = skip === 0 ? piece : piece.subarray(skip)
          skip = Math.max(0, skip - piece.length)
          if (chunk.length === 0) continue
          received += chunk.length
          if (received > this.#options.maxBlobBytes) {
            throw new ImageError(
              'registry-protocol',
              `${what}: more than ${this.#options.maxBlobBytes} bytes`,
            )
          }
          hasher.update(chunk)
          yield chunk
        }
        if (received >= size) break
        throw new ImageError(
          'registry-unreachable',
          `${what}: the blob ends after ${received} of ${size} bytes`,
        )
      } catch (error) {
        signal?.throwIfAborted()
        const broken = url === undefined ? error : connectionError(url, error)
        if (!(broken instanceof ImageError) || !broken.transient) throw broken
        failures = received > before ? 1 : failures + 1
        if (failures >= this.#options.resumeAttempts || resumption >= MAX_RESUMPTIONS) throw broken
      }
      await transport.pause(transport.backoffMs(failures), signal)
    }
    const actual = `sha256:${toHex(hasher.digest())}`
    if (actual !== digest) {
      throw new ImageError(
        'registry-digest',
        `${what}: the registry sent ${received} bytes that hash to ${actual}`,
      )
    }
  }

  async #openBlob(
    repository: Repository,
    digest: Digest,
    from: number,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const response = await this.#session.send(repository, 'pull', {
      method: 'GET',
      path: `blobs/${digest}`,
      headers: {
        'accept-encoding': 'identity',
        ...(from === 0 ? {} : { range: `bytes=${from}-` }),
      },
      signal,
    })
    if (response.status === 200) return response
    if (response.status !== 206) await failResponse(response, what)
    const start = /^bytes ([0-9]+)-/.exec(response.header('content-range') ?? '')?.[1]
    if (start !== String(from)) {
      await response.body.dump()
      throw new ImageError('registry-protocol', `${what}: asked for bytes from ${from}, got others`)
    }
    return response
  }

  /** What a tag stands for now, or that it is what it was when `etag` was given for it. */
  async pollTag(
    reference: Repository & { readonly tag: string },
    etag: string | undefined,
    signal?: AbortSignal,
  ): Promise<PolledTag> {
    const response = await this.#session.send(reference, 'pull', {
      method: 'HEAD',
      path: `manifests/${reference.tag}`,
      headers: { accept: ACCEPT_MANIFEST, ...ifNoneMatch(etag) },
      signal,
    })
    const { status } = response
    if (status === 304 || status === 404) {
      await response.body.dump()
      return { kind: status === 304 ? 'unchanged' : 'gone' }
    }
    if (status !== 200) await failResponse(response, describe(reference))
    await response.body.dump()
    const digest = response.header('docker-content-digest')
    if (digest === undefined || !isDigest(digest)) {
      return { kind: 'digest', digest: (await this.getManifest(reference, signal)).digest }
    }
    const given = response.header('etag')
    return { kind: 'digest', digest, ...(given === undefined ? {} : { etag: given }) }
  }

  /** All tags of a repository, in the registry's order. */
  async listTags(repository: Repository, signal?: AbortSignal): Promise<string[]> {
    const polled = await this.pollTags(repository, undefined, signal)
    return polled.kind === 'tags' ? [...polled.tags] : []
  }

  /** The same, or that they are what they were when `etag` was given for them. */
  async pollTags(
    repository: Repository,
    etag: string | undefined,
    signal?: AbortSignal,
  ): Promise<PolledTags> {
    const what = `${repository.registry}/${repository.repository}`
    const tags: string[] = []
    let given: string | undefined
    let path: string | undefined = 'tags/list?n=1000'
    for (let page = 0; path !== undefined; page++) {
      if (page >= MAX_TAG_PAGES)
        throw new ImageError('registry-protocol', `${what}: the list of tags does not end`)
      const response: HttpResponse = await this.#session.send(repository, 'pull', {
        method: 'GET',
        path,
        headers: page === 0 ? ifNoneMatch(etag) : {},
        signal,
      })
      if (page === 0 && response.status === 304) {
        await response.body.dump()
        return { kind: 'unchanged' }
      }
      if (response.status !== 200) await failResponse(response, what)
      given = page === 0 ? response.header('etag') : undefined
      const next = /<[^>]*\?([^>]*)>\s*;\s*rel="?next"?/i.exec(response.header('link') ?? '')?.[1]
      tags.push(...parseTags(await readBody(response, MAX_TAG_PAGE_BYTES), what))
      path = next === undefined ? undefined : `tags/list?${next}`
    }
    // What stands for the first page alone says nothing of the others.
    return { kind: 'tags', tags, ...(given === undefined ? {} : { etag: given }) }
  }

  /** Uploads a blob unless the repository has it. `open` is called again where an upload broke. */
  async putBlob(
    repository: Repository,
    { digest, size }: BlobDescriptor,
    open: () => AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<void> {
    const what = `${repository.registry}/${repository.repository}@${digest}`
    const { transport } = this.#components
    const head = await this.#session.send(repository, 'pull,push', {
      method: 'HEAD',
      path: `blobs/${digest}`,
      signal,
    })
    await head.body.dump()
    if (head.status === 200) return
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#upload(repository, { digest, size }, open, what, signal)
        return
      } catch (error) {
        signal?.throwIfAborted()
        const transient = error instanceof ImageError && error.transient
        if (!transient || attempt >= this.#options.resumeAttempts) throw error
      }
      await transport.pause(transport.backoffMs(attempt), signal)
    }
  }

  async #upload(
    repository: Repository,
    { digest, size }: BlobDescriptor,
    open: () => AsyncIterable<Uint8Array>,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const started = await this.#session.send(repository, 'pull,push', {
      method: 'POST',
      path: 'blobs/uploads/',
      signal,
    })
    if (started.status !== 202) await failResponse(started, what)
    await started.body.dump()
    const location = started.header('location')
    if (location === undefined || !URL.canParse(location, started.url.href)) {
      throw new ImageError('registry-protocol', `${what}: the registry names no place to upload to`)
    }
    const url = new URL(location, started.url.href)
    if (url.origin !== started.url.origin)
      this.#components.transport.guard.checkUrl(url, started.url)
    url.searchParams.set('digest', digest)
    const done = await this.#session.send(repository, 'pull,push', {
      method: 'PUT',
      url,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      body: open,
      signal,
    })
    if (done.status !== 201) await failResponse(done, what)
    await done.body.dump()
  }

  /** Stores a manifest or index under a tag, or under its own digest. */
  async putManifest(
    reference: ManifestReference,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    signal?: AbortSignal,
  ): Promise<Digest> {
    const what = describe(reference)
    const digest = `sha256:${toHex(this.#components.crypto.sha256(manifest.bytes))}`
    const response = await this.#session.send(reference, 'pull,push', {
      method: 'PUT',
      path: `manifests/${reference.tag ?? digest}`,
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes,
      signal,
    })
    if (response.status !== 201) await failResponse(response, what)
    await response.body.dump()
    const stored = response.header('docker-content-digest')
    if (stored !== undefined && stored !== digest) {
      throw new ImageError(
        'registry-digest',
        `${what}: the registry stored ${stored}, not ${digest}`,
      )
    }
    return digest
  }
}

function ifNoneMatch(etag: string | undefined): Record<string, string> {
  return etag === undefined ? {} : { 'if-none-match': etag }
}

function target(reference: ManifestReference): string {
  return reference.digest ?? reference.tag ?? 'latest'
}

function describe(reference: ManifestReference): string {
  const name = `${reference.registry}/${reference.repository}`
  return reference.digest === undefined
    ? `${name}:${reference.tag ?? 'latest'}`
    : `${name}@${reference.digest}`
}

function parseTags(bytes: Uint8Array, what: string): string[] {
  try {
    const { tags } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { tags: unknown }
    if (tags === null || tags === undefined) return []
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags
  } catch {
    // Told below.
  }
  throw new ImageError('registry-protocol', `${what}: the list of tags is not valid JSON`)
}
