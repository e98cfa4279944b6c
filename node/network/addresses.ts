/** Multiaddrs that a user wrote: checked before anything is started, refused in one line. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { NetworkError } from './network-error.ts'

const EXAMPLE = '/ip4/192.0.2.7/tcp/4801'
const PEER_ID = /^(12D3KooW|16Uiu2HA|Qm)[1-9A-HJ-NP-Za-km-z]{40,60}$/
const DNS_NAME = /^(?=.{1,240}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/i

/** An address to listen on. */
export function parseListenAddress(text: string): Multiaddr {
  const address = parseAddress(text, 'listen address')
  const names = address.getComponents().map((component) => component.name)
  if (names.length !== 2 || !/^ip[46]$/.test(names[0] ?? '') || names[1] !== 'tcp') {
    throw badAddress(text, 'listen address', `write it like ${EXAMPLE}`)
  }
  return address
}

/** An address to dial; `peer` is absent where it names none. */
export function parsePeerAddress(text: string): { address: Multiaddr; peer: string | undefined } {
  const address = parseAddress(text, 'peer address')
  const components = address.getComponents()
  if (!components.some((component) => component.name === 'tcp')) {
    throw badAddress(text, 'peer address', `write it like ${EXAMPLE}/p2p/12D3Koo…`)
  }
  return { address, peer: components.findLast((component) => component.name === 'p2p')?.value }
}

/** An entry of the bootstrap list: one certain node, or a DNS name that lists some (`/dnsaddr/…`). */
export type BootstrapEntry =
  | { readonly address: Multiaddr; readonly peer: string; readonly name?: undefined }
  /** `peer` where only that one is wanted of the list. */
  | { readonly name: string; readonly peer: string | undefined; readonly address?: undefined }

export function parseBootstrapAddress(text: string): BootstrapEntry {
  const [, protocol, name = '', p2p, pinned, ...rest] = text.split('/')
  if (protocol === 'dnsaddr') {
    const pins = p2p === 'p2p' && PEER_ID.test(pinned ?? '') && rest.length === 0
    if (!(p2p === undefined || pins) || !DNS_NAME.test(name)) {
      throw badAddress(text, 'bootstrap address', 'write it like /dnsaddr/bootstrap.example.org')
    }
    return { name, peer: pinned }
  }
  const { address, peer } = parsePeerAddress(text)
  if (peer === undefined) {
    throw badAddress(
      text,
      'bootstrap address',
      'add /p2p/ and the peer id that "rebuildnet status" shows on that node',
    )
  }
  return { address, peer }
}

function parseAddress(text: string, what: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (error) {
    throw badAddress(text, what, `write it like ${EXAMPLE}`, error)
  }
}

function badAddress(text: string, what: string, advice: string, cause?: unknown): NetworkError {
  return new NetworkError(
    'bad-address',
    `"${text}" is no ${what}: ${advice}`,
    cause === undefined ? {} : { cause },
  )
}

/** Whether only this machine can dial it. */
export function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
}

/** Whether it leads through another peer. */
export function isRelayed(address: string): boolean {
  return address.includes('/p2p-circuit')
}
