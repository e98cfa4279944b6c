/**
 * How a node behind a home router takes part: it asks the router to forward a port (UPnP), lets
 * others try whether its addresses can be dialled (AutoNAT), keeps a place at a relay where they
 * cannot, and leaves the relay for a direct connection where one is possible (DCUtR).
 *
 * A node that says where it can be reached (`announce`), or is a relay, needs no relay. One that
 * listens on loopback alone wants nothing of the outside, and asks nobody for anything.
 */
import { autoNAT, type AutoNATComponents } from '@libp2p/autonat'
import {
  circuitRelayServer,
  circuitRelayTransport,
  type CircuitRelayServerComponents,
  type CircuitRelayTransportComponents,
} from '@libp2p/circuit-relay-v2'
import { dcutr, type DCUtRServiceComponents } from '@libp2p/dcutr'
import { uPnPNAT, type UPnPNATComponents } from '@libp2p/upnp-nat'
import type { Transport } from '@libp2p/interface'
import { isLoopback } from './addresses.ts'
import * as limits from './limits.ts'
import type { NetworkOptions } from './options.ts'

/** Asks the first relay that is found for a place. */
const ANY_RELAY = '/p2p-circuit'

function isLocal(options: Pick<NetworkOptions, 'listen'>): boolean {
  return options.listen.length > 0 && options.listen.every(isLoopback)
}

export function listenAddresses(options: NetworkOptions): string[] {
  const reachable = options.relay || options.announce.length > 0
  return [...options.listen, ...(reachable || isLocal(options) ? [] : [ANY_RELAY])]
}

/** Also where the node needs no relay itself: those who do are dialled through theirs. */
export function relayTransport(): (components: CircuitRelayTransportComponents) => Transport {
  return circuitRelayTransport({
    maxInboundStopStreams: limits.MAX_RELAYED_PER_RELAY,
    maxOutboundStopStreams: limits.MAX_RELAY_CONNECTIONS,
  })
}

export function relayServices(options: NetworkOptions): {
  relay?: (components: CircuitRelayServerComponents) => unknown
} {
  if (!options.relay) return {}
  return {
    relay: circuitRelayServer({
      maxInboundHopStreams: limits.MAX_HOP_STREAMS,
      maxOutboundStopStreams: limits.MAX_RELAY_CONNECTIONS,
      reservations: {
        maxReservations: limits.MAX_RELAY_RESERVATIONS,
        defaultDurationLimit: limits.RELAYED_CONNECTION_MS,
        defaultDataLimit: BigInt(limits.RELAYED_CONNECTION_BYTES),
      },
    }),
  }
}

export function traversalServices(options: NetworkOptions): {
  autoNAT?: (components: AutoNATComponents) => unknown
  dcutr?: (components: DCUtRServiceComponents) => unknown
  upnp?: (components: UPnPNATComponents) => unknown
} {
  if (isLocal(options)) return {}
  return {
    autoNAT: (components) => autoNAT()(withDialingAnew(components)),
    dcutr: dcutr(),
    // A forwarded port is believed when AutoNAT has found it open, not because the router says so.
    ...(options.upnp ? { upnp: uPnPNAT({ portMappingDescription: 'rebuildnet' }) } : {}),
  }
}

/**
 * libp2p's AutoNAT asks for a connection to the peer that wants its address tried, is given the one
 * over which it was asked, finds that it is not the address, and closes it: no address would ever
 * be found good, and each asker would be disconnected. Here it always dials.
 */
function withDialingAnew(components: AutoNATComponents): AutoNATComponents {
  const { connectionManager } = components
  const openConnection: typeof connectionManager.openConnection = (peer, options) =>
    connectionManager.openConnection(peer, { ...options, force: true })
  return replacing(components, {
    connectionManager: replacing(connectionManager, { openConnection }),
  })
}

/** The same object, but for some of its properties. A copy would lose methods and getters. */
function replacing<T extends object>(original: T, changes: Partial<T>): T {
  return new Proxy(original, {
    get: (target, name) => {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name) as unknown
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
