/** Multiaddrs that a user wrote: checked before anything is started, refused in one line. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { NetworkError } from './network-error.ts'

const EXAMPLE = '/ip4/192.0.2.7/tcp/4801'

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

/** A configured peer is one certain node, so its address must say which. */
export function parseBootstrapAddress(text: string): { address: Multiaddr; peer: string } {
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
