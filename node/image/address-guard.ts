/**
 * Which addresses may be spoken to (node/README.md T20).
 *
 * A reference or a redirect comes from strangers and must not make this machine read the services
 * of its own network. Public addresses are allowed over https. A loopback host that the reference
 * itself names is allowed over http too. Everything else - plain http, private, link-local and
 * reserved addresses - only for hosts on the `insecure` list. The address is checked on the very
 * connection that is then used, never in a look-up before it, since names can answer twice.
 */
import { isIP } from 'node:net'
import { isLoopbackAddress, isLoopbackHost, isPublicAddress } from '../system/public-address.ts'
import { ImageError } from './image-error.ts'

export class AddressGuard {
  readonly #insecure: ReadonlySet<string>

  /** `insecure`: `host` or `host:port`, for which plain http and any address are allowed. */
  constructor(insecure: readonly string[]) {
    this.#insecure = new Set(insecure.map((host) => host.toLowerCase()))
  }

  #isInsecure(hostname: string, port: string): boolean {
    const host = hostname.toLowerCase()
    return this.#insecure.has(host) || this.#insecure.has(`${host}:${port}`)
  }

  /** Whether plain http may be used with this host. */
  allowsPlainHttp(url: URL): boolean {
    return isLoopbackHost(url.hostname) || this.#isInsecure(url.hostname, portOf(url))
  }

  /** Throws unless `url` may be asked at all; `from` is the place that redirected to it. */
  checkUrl(url: URL, from?: URL): void {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      throw new ImageError('redirect-refused', `${url.host}: ${url.protocol} is not http or https`)
    }
    if (from !== undefined && isLoopbackHost(url.hostname) && !isLoopbackHost(from.hostname)) {
      // Our own loopback is for references that name it, not for a stranger's redirect.
      if (!this.#isInsecure(url.hostname, portOf(url))) throw refused(url.host, url.hostname)
    }
    if (url.protocol === 'http:' && !this.allowsPlainHttp(url)) {
      throw new ImageError(
        from === undefined ? 'address-refused' : 'redirect-refused',
        `${url.host}: plain http is refused; allow it with --insecure ${url.host} or in the project file`,
      )
    }
  }

  /** Throws unless a connection that was asked for `hostname` may go to `address`. */
  checkAddress(hostname: string, port: string, address: string): void {
    if (isPublicAddress(address) || this.#isInsecure(hostname, port)) return
    // The list may spell an IPv6 host with its brackets.
    if (isIP(hostname) === 6 && this.#isInsecure(`[${hostname}]`, port)) return
    if (isLoopbackHost(hostname) && isLoopbackAddress(address)) return
    throw refused(`${hostname}:${port}`, address)
  }
}

function portOf(url: URL): string {
  if (url.port !== '') return url.port
  return url.protocol === 'https:' ? '443' : '80'
}

function refused(host: string, address: string): ImageError {
  return new ImageError(
    'address-refused',
    `${host} is at ${address}, which is not a public address; allow it with --insecure ${host} or in the project file`,
  )
}
