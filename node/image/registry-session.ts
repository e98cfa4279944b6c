/**
 * Requests to registries, each with the login and the scheme that its host wants.
 */
import type { Credentials } from './docker-credentials.ts'
import {
  errorCode,
  type HttpRequest,
  type HttpResponse,
  type HttpTransport,
} from './http-transport.ts'
import { ImageError } from './image-error.ts'
import { RegistryAuth } from './registry-auth.ts'

/** Where a repository is; a RegistryReference is one. */
export interface Repository {
  readonly registry: string
  readonly repository: string
}

export interface RegistrySessionComponents {
  readonly transport: HttpTransport
  readonly credentials: (registry: string, signal?: AbortSignal) => Promise<Credentials | undefined>
}

export type Scope = 'pull' | 'pull,push'

export class RegistrySession {
  readonly #components: RegistrySessionComponents
  readonly #bases = new Map<string, Promise<URL>>()
  readonly #auths = new Map<string, RegistryAuth>()

  constructor(components: RegistrySessionComponents) {
    this.#components = components
  }

  /** One request to a repository, with the login that the registry asks for. */
  async send(
    repository: Repository,
    scope: Scope,
    request: Omit<HttpRequest, 'url'> & ({ readonly path: string } | { readonly url: URL }),
  ): Promise<HttpResponse> {
    const { transport } = this.#components
    const base = await this.#base(repository.registry, request.signal)
    const url =
      'url' in request ? request.url : new URL(`/v2/${repository.repository}/${request.path}`, base)
    const auth = this.#auth(repository.registry)
    const fullScope = `repository:${repository.repository}:${scope}`
    const attempt = (authorization: string | undefined) =>
      transport.request({
        method: request.method,
        url,
        headers: {
          ...request.headers,
          ...(authorization === undefined || url.origin !== base.origin ? {} : { authorization }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: request.signal,
      })
    const response = await attempt(auth.header(fullScope))
    if (response.status !== 401 || response.url.origin !== base.origin) return response
    const challenge = response.header('www-authenticate')
    if (challenge === undefined) return response
    const authorization = await auth.answer(challenge, fullScope, base, request.signal)
    if (authorization === undefined) return response
    await response.body.dump()
    return attempt(authorization)
  }

  #auth(registry: string): RegistryAuth {
    const known = this.#auths.get(registry)
    if (known !== undefined) return known
    const { transport, credentials } = this.#components
    const auth = new RegistryAuth({
      transport,
      credentials: (signal) => credentials(registry, signal),
    })
    this.#auths.set(registry, auth)
    return auth
  }

  async #base(registry: string, signal: AbortSignal | undefined): Promise<URL> {
    const known = this.#bases.get(registry) ?? this.#probe(registry, signal)
    this.#bases.set(registry, known)
    try {
      return await known
    } catch (error) {
      this.#bases.delete(registry)
      throw error
    }
  }

  /** https, or plain http where that is allowed and the host does not speak TLS. */
  async #probe(registry: string, signal: AbortSignal | undefined): Promise<URL> {
    const secure = new URL(
      `https://${registry === 'docker.io' ? 'registry-1.docker.io' : registry}`,
    )
    const plain = new URL(`http://${registry}`)
    if (!this.#components.transport.guard.allowsPlainHttp(plain)) return secure
    try {
      const response = await this.#components.transport.requestOnce({
        method: 'GET',
        url: new URL('/v2/', secure),
        signal,
      })
      await response.body.dump()
      return secure
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof ImageError) || !speaksNoTls(errorCode(error.cause))) throw error
      return plain
    }
  }
}

/** A certificate that is not believed is no reason to try without one. */
function speaksNoTls(code: string): boolean {
  return (
    code === 'EPROTO' ||
    code === 'ECONNREFUSED' ||
    code === 'ECONNRESET' ||
    code === 'UND_ERR_SOCKET' ||
    code.startsWith('ERR_SSL_')
  )
}
