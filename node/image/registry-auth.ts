/**
 * Authorization for one registry: answers its challenges with the user's credentials.
 *
 * Bearer tokens as in the distribution project's token specification, one for each scope, fetched
 * when the registry asks; a refused token is fetched anew once, which also renews expired ones.
 */
import { z } from 'zod'
import type { Credentials } from './docker-credentials.ts'
import { readBody, readErrorMessage } from './http-body.ts'
import type { HttpTransport } from './http-transport.ts'
import { ImageError } from './image-error.ts'

export interface RegistryAuthComponents {
  readonly transport: HttpTransport
  readonly credentials: (signal?: AbortSignal) => Promise<Credentials | undefined>
}

/** `WWW-Authenticate`, as far as registries use it. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer'
      readonly realm: string
      readonly service?: string
      readonly scope?: string
    }

const MAX_TOKEN_BYTES = 64 * 1024

const tokenSchema = z.object({ token: z.string().optional(), access_token: z.string().optional() })

export function parseChallenge(header: string): Challenge | undefined {
  const bearer = /(?:^|,\s*)Bearer\s+(.*)$/is.exec(header)
  if (bearer === null) return /(?:^|,\s*)Basic\b/i.test(header) ? { scheme: 'basic' } : undefined
  const parameters = new Map<string, string>()
  for (const [, key, quoted, plain] of (bearer[1] as string).matchAll(
    /([a-z_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/gi,
  )) {
    parameters.set((key as string).toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '')
  }
  const realm = parameters.get('realm')
  if (realm === undefined) return undefined
  const service = parameters.get('service')
  const scope = parameters.get('scope')
  return {
    scheme: 'bearer',
    realm,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  }
}

export class RegistryAuth {
  readonly #components: RegistryAuthComponents
  /** scope -> Authorization header */
  readonly #headers = new Map<string, string>()

  constructor(components: RegistryAuthComponents) {
    this.#components = components
  }

  /** The header that worked last for this scope. */
  header(scope: string): string | undefined {
    return this.#headers.get(scope)
  }

  /** The header that answers a 401 of `registry`, or undefined where there are no credentials for it. */
  async answer(
    challengeHeader: string,
    scope: string,
    registry: URL,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const challenge = parseChallenge(challengeHeader)
    if (challenge === undefined) {
      throw new ImageError(
        'registry-protocol',
        `${registry.host} asks for a login of an unknown kind`,
      )
    }
    const credentials = await this.#components.credentials(signal)
    let header: string | undefined
    if (credentials?.kind === 'registry-token') header = `Bearer ${credentials.token}`
    else if (challenge.scheme === 'bearer') {
      header = `Bearer ${await this.#fetchToken(challenge, scope, credentials, registry, signal)}`
    } else if (credentials?.kind === 'basic') header = basic(credentials)
    if (header === undefined) this.#headers.delete(scope)
    else this.#headers.set(scope, header)
    return header
  }

  async #fetchToken(
    challenge: Challenge & { scheme: 'bearer' },
    scope: string,
    credentials: Credentials | undefined,
    registry: URL,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    if (!URL.canParse(challenge.realm)) {
      throw new ImageError(
        'registry-protocol',
        `${registry.host} names a token server that is not an address`,
      )
    }
    const realm = new URL(challenge.realm)
    // The registry chose this address: the same rules as for a redirect.
    this.#components.transport.guard.checkUrl(realm, registry)
    const parameters = new URLSearchParams()
    if (challenge.service !== undefined) parameters.set('service', challenge.service)
    for (const wanted of new Set([scope, challenge.scope ?? scope]))
      parameters.append('scope', wanted)

    const response =
      credentials?.kind === 'identity-token'
        ? await this.#exchange(realm, parameters, credentials.token, signal)
        : await this.#ask(realm, parameters, credentials, signal)
    if (response.status !== 200) {
      const why = await readErrorMessage(response)
      const code =
        response.status === 429
          ? 'registry-rate-limited'
          : response.status >= 500
            ? 'registry-server'
            : 'registry-unauthorized'
      throw new ImageError(
        code,
        `${realm.host} gives no token for ${registry.host} (status ${response.status})${why}`,
        {
          status: response.status,
        },
      )
    }
    return parseToken(await readBody(response, MAX_TOKEN_BYTES), realm)
  }

  #ask(
    realm: URL,
    parameters: URLSearchParams,
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ) {
    const url = new URL(realm)
    for (const [key, value] of parameters) url.searchParams.append(key, value)
    const headers: Record<string, string> =
      credentials?.kind === 'basic' ? { authorization: basic(credentials) } : {}
    return this.#components.transport.request({ method: 'GET', url, headers, signal })
  }

  #exchange(
    realm: URL,
    parameters: URLSearchParams,
    token: string,
    signal: AbortSignal | undefined,
  ) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'rebuildnet',
      refresh_token: token,
      scope: parameters.getAll('scope').join(' '),
    })
    const service = parameters.get('service')
    if (service !== null) form.set('service', service)
    return this.#components.transport.request({
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      signal,
    })
  }
}

function parseToken(bytes: Uint8Array, realm: URL): string {
  let token: string | undefined
  try {
    const answer = tokenSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
    token = answer.token ?? answer.access_token
  } catch {
    // Told below, without the text, which may hold the token.
  }
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
    throw new ImageError('registry-protocol', `${realm.host} answered without a token`)
  }
  return token
}

function basic({ username, password }: Credentials & { kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}
