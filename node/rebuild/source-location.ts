/**
 * Where a source may be fetched from.
 *
 * `git+https://…` at a public address, and nothing else unless this user has said so: plain http,
 * private addresses and local repositories stand in the project file's `insecure` list (`host`,
 * `host:port`, or `file` for git+file). Loopback needs no entry. cli/README.md.
 */
import { isLoopbackHost, isPublicAddress, resolveHost } from '../system/public-address.ts'
import { BuildError } from './build-error.ts'

export interface SourceLocation {
  readonly protocol: 'https' | 'http' | 'file'
  /** What git is given. */
  readonly url: string
  readonly host: string
  readonly port: number
}

/** Parses a source address of a release or project file. */
export function parseSourceLocation(source: string): SourceLocation {
  const bad = (why: string): BuildError =>
    new BuildError(
      'source-url-invalid',
      `source ${JSON.stringify(source)} ${why}: expected git+https://HOST/PATH`,
    )
  if (!/^[\u0021-\u007e]+$/.test(source)) throw bad('is not plain ASCII without spaces')
  const [, protocol, rest] = /^git\+(https|http|file):\/\/(.+)$/.exec(source) ?? []
  if (protocol === undefined || rest === undefined) throw bad('is not a git source')
  const text = `${protocol}://${rest}`
  if (!URL.canParse(text)) throw bad('is not a URL')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw bad('carries credentials')
  if (url.search !== '' || url.hash !== '') throw bad('has a query or a fragment')
  if (protocol === 'file') {
    if (url.host !== '' || url.pathname === '/') throw bad('names no local path')
    return { protocol, url: url.href, host: '', port: 0 }
  }
  if (url.pathname === '/') throw bad('names no repository')
  const port = Number(url.port) || (protocol === 'https' ? 443 : 80)
  return { protocol: protocol as 'https' | 'http', url: url.href, host: url.hostname, port }
}

/**
 * Refuses a location that `insecure` does not allow. Returns the addresses that the fetch must be
 * pinned to, so that a second look-up cannot give others; none where the user allowed the host.
 */
export async function checkSourceLocation(
  location: SourceLocation,
  insecure: readonly string[],
): Promise<readonly string[]> {
  const { protocol, host, port, url } = location
  const allowed =
    protocol === 'file'
      ? insecure.includes('file')
      : isLoopbackHost(host) || insecure.includes(host) || insecure.includes(`${host}:${port}`)
  if (allowed) return []
  if (protocol !== 'https') {
    const entry = protocol === 'file' ? 'file' : `${host}:${port}`
    throw new BuildError(
      'source-not-allowed',
      `source ${url} is not https: list "${entry}" under insecure in the project file to allow it`,
    )
  }
  const addresses = await resolveHost(host).catch((cause: unknown) => {
    throw new BuildError('source-fetch-failed', `source host ${host} has no address`, { cause })
  })
  const inside = addresses.find((address) => !isPublicAddress(address))
  if (inside !== undefined) {
    throw new BuildError(
      'source-not-allowed',
      `source host ${host} has the private address ${inside}: list "${host}" under insecure in the project file to allow it`,
    )
  }
  return addresses
}
