/**
 * Where what a step asks for by plain HTTP is really got from: the host that it named, or what the
 * operator has put before it.
 *
 * A cache or mirror is the operator's own and never becomes an input: a step sees and records the
 * address that it asked for, no variable is set, and nothing of it is in the recipe. What comes by
 * https is not touched. Whether a step may ask at all is policy.ts, and comes first.
 */

export interface EgressRoutes {
  /** `http://HOST[:PORT]` of a proxy for plain HTTP. */
  readonly proxy?: string
  /**
   * `http://HOST…/`, to which is added what follows `/archive/` in the address of a snapshot: what
   * repro-sources-list.sh calls SNAPSHOT_ARCHIVE_BASE.
   */
  readonly snapshotArchiveBase?: string
}

/** Archives of Debian whose snapshots stand below the same path. */
const SNAPSHOT_HOSTS = ['snapshot.debian.org', 'snapshot-cloudflare.debian.org']
const SNAPSHOT_PATH = '/archive/'

export type Route =
  | { readonly kind: 'direct' }
  | {
      readonly kind: 'proxy' | 'mirror'
      readonly host: string
      readonly port: number
      /** As it stands in the request. */
      readonly path: string
      /** What the header Host is to say. */
      readonly named: string
    }

export interface AskedOf {
  readonly host: string
  readonly port: number
  /** As the step wrote it. */
  readonly path: string
  /** Of the build's own surroundings (`insecure`): no proxy need know it. */
  readonly near: boolean
}

/** Whether some of what is at `host` is got from elsewhere, so that it need not be reachable. */
export function isMirrored({ snapshotArchiveBase }: EgressRoutes, host: string): boolean {
  return snapshotArchiveBase !== undefined && SNAPSHOT_HOSTS.includes(host)
}

export function routeOf(routes: EgressRoutes, { host, port, path, near }: AskedOf): Route {
  const { proxy, snapshotArchiveBase: base } = routes
  if (near || !path.startsWith('/')) return { kind: 'direct' }
  const named = port === 80 ? host : `${host}:${port}`
  if (base !== undefined && port === 80 && isMirrored(routes, host)) {
    // Without its dots: what is beside the base is nothing that a step may ask for.
    const asked = parseUrl(`http://${host}${path}`)
    if (asked?.pathname.startsWith(SNAPSHOT_PATH) === true) {
      const { pathname, search } = asked
      const at = new URL(base)
      const mirrored = `${at.pathname}${pathname.slice(SNAPSHOT_PATH.length)}${search}`
      return { kind: 'mirror', ...placeOf(at), path: mirrored, named: at.host }
    }
  }
  if (proxy === undefined) return { kind: 'direct' }
  return { kind: 'proxy', ...placeOf(new URL(proxy)), path: `http://${named}${path}`, named }
}

/** A redirect within a mirror, as it would be within the archive; others stay as they are. */
export function asAsked(
  { snapshotArchiveBase: base }: EgressRoutes,
  host: string,
  location: string,
): string {
  // What is relative to the request is so under either address.
  if (base === undefined || !/^(?:\/|https?:)/i.test(location)) return location
  const { href: mirror } = new URL(base)
  const href = parseUrl(location, base)?.href ?? ''
  return href.startsWith(mirror)
    ? `http://${host}${SNAPSHOT_PATH}${href.slice(mirror.length)}`
    : location
}

/** Why `text` is no setting of this name, as words that follow it; undefined where it is one. */
export function routeProblem(kind: keyof EgressRoutes, text: string): string | undefined {
  const url = parseUrl(text)
  if (url?.protocol !== 'http:') return 'is no http:// address'
  if (url.username !== '' || url.password !== '') return 'may not hold a user or a password'
  if (url.search !== '' || url.hash !== '') return 'may hold neither "?" nor "#"'
  if (kind === 'proxy') return url.pathname === '/' ? undefined : 'must be http://HOST[:PORT]'
  return text.endsWith('/') ? undefined : 'must end in "/": what follows "/archive/" is added to it'
}

function placeOf({ hostname, port }: URL): { host: string; port: number } {
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 80 : Number(port),
  }
}

function parseUrl(text: string, base?: string): URL | undefined {
  return URL.parse(text, base) ?? undefined
}
