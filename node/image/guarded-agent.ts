/**
 * An undici agent that connects only where the guard allows.
 *
 * The check is part of the connect step: the addresses that were resolved for the socket are the
 * ones that are judged, so that no second answer of a name server can come in between.
 */
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import type { AddressGuard } from './address-guard.ts'

/** All addresses of a host name; the system's resolver but in tests. */
export type ResolveHost = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export const systemResolveHost: ResolveHost = (hostname, callback) => {
  dnsLookup(hostname, { all: true }, callback)
}

export interface AgentTimeouts {
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  /** The longest pause between two pieces of a body. */
  readonly bodyTimeoutMs: number
}

export function createGuardedAgent(
  guard: AddressGuard,
  resolveHost: ResolveHost,
  timeouts: AgentTimeouts,
): Agent {
  const connectors = new Map<string, buildConnector.connector>()

  const connectorFor = (hostname: string, port: string): buildConnector.connector => {
    const key = `${hostname} ${port}`
    const known = connectors.get(key)
    if (known !== undefined) return known
    const lookup: LookupFunction = (name, options, callback) => {
      resolveHost(name, (error, addresses) => {
        // There is no list where there is an error, whatever its type says.
        const [first] = error === null ? addresses : []
        if (first === undefined) {
          callback(error ?? new Error(`${name} has no address`), '')
          return
        }
        try {
          // One address inside is enough: which one is used is not ours to say.
          for (const { address } of addresses) guard.checkAddress(name, port, address)
        } catch (refusal) {
          callback(refusal as Error, '')
          return
        }
        if (options.all === true) callback(null, addresses)
        else callback(null, first.address, first.family)
      })
    }
    const connector = buildConnector({
      timeout: timeouts.connectTimeoutMs,
      lookup,
    })
    connectors.set(key, connector)
    return connector
  }

  return new Agent({
    headersTimeout: timeouts.headersTimeoutMs,
    bodyTimeout: timeouts.bodyTimeoutMs,
    connect: (options, callback) => {
      const port =
        options.port === '' ? (options.protocol === 'https:' ? '443' : '80') : options.port
      try {
        // A literal address is connected to without a look-up.
        if (isIP(options.hostname) !== 0)
          guard.checkAddress(options.hostname, port, options.hostname)
      } catch (refusal) {
        callback(refusal as Error, null)
        return
      }
      connectorFor(options.hostname, port)(options, callback)
    },
  })
}
