/**
 * Who may speak to the API over TCP: programs of this machine, and no web page.
 *
 * A page that a browser shows can make the browser send requests to loopback (CSRF), and can make
 * its own name resolve to 127.0.0.1 (DNS rebinding). So the Host must be one of an exact list, the
 * Origin and Sec-Fetch-Site that a browser adds must be ours, and a change needs a token that lies
 * in the data folder, where no page reads it. There is no CORS. On the unix socket the file's mode
 * answers the same question. node/README.md T19.
 */
import { timingSafeEqual, createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { HttpError } from './http-error.ts'

export interface Guard {
  /** Exact values of Host, `127.0.0.1:4802`. */
  readonly hosts: readonly string[]
  readonly token: string
}

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
const OWN_FETCH_SITES: ReadonlySet<string> = new Set(['same-origin', 'none'])

/** Throws the reason why a request is refused. */
export function checkRequest(guard: Guard, method: string, headers: IncomingHttpHeaders): void {
  if (!guard.hosts.includes(headers.host ?? '')) {
    throw new HttpError(
      'forbidden-host',
      `Host "${headers.host ?? ''}" is not served here: ask http://${guard.hosts[0] ?? ''}`,
    )
  }
  const { origin } = headers
  if (origin !== undefined && !guard.hosts.some((host) => origin === `http://${host}`)) {
    throw new HttpError('forbidden-origin', `web pages of ${origin} may not use this API`)
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && (typeof site !== 'string' || !OWN_FETCH_SITES.has(site))) {
    throw new HttpError('forbidden-origin', 'requests from other web sites may not use this API')
  }
  if (!READING_METHODS.has(method) && !hasToken(guard.token, headers.authorization)) {
    throw new HttpError(
      'token-required',
      'a change needs the header "Authorization: Bearer TOKEN"; the token is the content of api-token in the data folder',
    )
  }
}

function hasToken(token: string, authorization: string | undefined): boolean {
  const given = /^Bearer ([\x21-\x7e]{1,256})$/.exec(authorization ?? '')?.[1]
  if (given === undefined) return false
  // Hashes, so that neither length nor content shows in the time it takes.
  return timingSafeEqual(sha256(given), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
