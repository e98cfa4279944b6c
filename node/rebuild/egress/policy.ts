/**
 * Whom the steps of a build may speak to.
 *
 * Hosts that the recipe declares, or any where it declares none; and of these only public
 * addresses that are not this machine's own, but for hosts that the project file lists as
 * insecure. A name counts as all the addresses that it has: one inside is enough to refuse it.
 */
import { networkInterfaces } from 'node:os'
import { isLoopbackHost, isPublicAddress } from '../../system/public-address.ts'

export interface EgressPolicy {
  /** `host` (ports 80 and 443) or `host:port`, lower case; undefined: any. */
  readonly hosts: readonly string[] | undefined
  /** `host[:port]` that may be at private addresses, on this machine too. */
  readonly insecure: readonly string[]
}

const WEB_PORTS = [80, 443]

/** What else recipes that declare nothing may use: git's own protocol and key servers. */
const OPEN_PORTS = [...WEB_PORTS, 9418, 11371]

/** The ports on which connections of a build are taken at all; sorted. */
export function egressPorts({ hosts, insecure }: EgressPolicy): readonly number[] {
  const named = [...(hosts ?? []), ...insecure].flatMap((entry) => splitHost(entry).port ?? [])
  return [...new Set([...(hosts === undefined ? OPEN_PORTS : WEB_PORTS), ...named])].sort(
    (a, b) => a - b,
  )
}

/** The ports of this machine's own loopback that a build may see as its own; sorted. */
export function loopbackPorts({ insecure }: EgressPolicy): readonly number[] {
  const named = insecure
    .map(splitHost)
    .flatMap(({ host, port }) => (port !== undefined && isLoopbackHost(host) ? [port] : []))
  return [...new Set(named)].sort((a, b) => a - b)
}

/** Whether any port of `host` may be asked for. */
export function allowsHost(policy: EgressPolicy, host: string): boolean {
  return policy.hosts?.some((entry) => splitHost(entry).host === host) ?? true
}

export function allowsPort(policy: EgressPolicy, host: string, port: number): boolean {
  if (policy.hosts === undefined) {
    return OPEN_PORTS.includes(port) || isInsecure(policy, host, port)
  }
  return policy.hosts.some((entry) => {
    const named = splitHost(entry)
    if (named.host !== host) return false
    return named.port === undefined ? WEB_PORTS.includes(port) : named.port === port
  })
}

/** `port` undefined: whether some port of the host may be there. */
export function allowsAddress(
  policy: EgressPolicy,
  host: string,
  port: number | undefined,
  address: string,
): boolean {
  if (isPublicAddress(address) && !isOwnAddress(address)) return true
  return isInsecure(policy, host, port)
}

/** Whether the project file says of this host that it may be anywhere. */
export function isInsecure(
  { insecure }: EgressPolicy,
  host: string,
  port: number | undefined,
): boolean {
  return insecure.map(splitHost).some((named) => {
    return named.host === host && (named.port ?? port) === (port ?? named.port)
  })
}

function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((each) =>
    each?.some((own) => own.address === address),
  )
}

function splitHost(entry: string): { readonly host: string; readonly port: number | undefined } {
  const [, written = entry, port] = /^(.*?)(?::([0-9]+))?$/.exec(entry) ?? []
  const host = written === 'localhost' ? '127.0.0.1' : written
  return { host, port: port === undefined ? undefined : Number(port) }
}
