/**
 * Which addresses may be spoken to (node/README.md T20).
 *
 * A reference or a redirect comes from strangers and must not make this machine read the services
 * of its own network. Public addresses are allowed over https. A loopback host that the reference
 * itself names is allowed over http too. Everything else - plain http, private, link-local and
 * reserved addresses - only for hosts on the `insecure` list. The address is checked on the very
 * connection that is then used, never in a look-up before it, since names can answer twice.
 */
import { BlockList, isIP } from 'node:net'
import { ImageError } from './image-error.ts'

/** IPv4 that is not public: RFC 6890 and its successors in the IANA special-purpose registry. */
const NOT_PUBLIC_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Within global unicast, what still leads inside: Teredo and other protocol space, documentation, 6to4. */
const NOT_PUBLIC_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const notPublic = new BlockList()
for (const [net, bits] of NOT_PUBLIC_IPV4) notPublic.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of NOT_PUBLIC_IPV6) notPublic.addSubnet(net, bits, 'ipv6')

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an IP address is one that anybody on the Internet could be meant by. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address, 'ipv4')
  // IPv4-mapped and other embeddings lie outside 2000::/3 and are refused with the rest.
  return family === 6 && globalUnicast.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

function isLoopbackAddress(address: string): boolean {
  const family = isIP(address)
  // Node reads ::ffff:127.0.0.1 as 127.0.0.1 in IPv4 rules; only the plain forms are meant.
  if (family === 6) return loopback.check(address, 'ipv6') && !address.includes('.')
  return family === 4 && loopback.check(address, 'ipv4')
}

function bareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname.toLowerCase()
}

/** Whether a host is loopback by its own spelling. */
function isLoopbackName(hostname: string): boolean {
  const host = bareHost(hostname)
  return host === 'localhost' || isLoopbackAddress(host)
}

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
    return isLoopbackName(url.hostname) || this.#isInsecure(url.hostname, portOf(url))
  }

  /** Throws unless `url` may be asked at all; `from` is the place that redirected to it. */
  checkUrl(url: URL, from?: URL): void {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      throw new ImageError('redirect-refused', `${url.host}: ${url.protocol} is not http or https`)
    }
    if (from !== undefined && isLoopbackName(url.hostname) && !isLoopbackName(from.hostname)) {
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
    if (isLoopbackName(hostname) && isLoopbackAddress(address)) return
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
