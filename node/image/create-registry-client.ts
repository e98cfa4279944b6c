/** A registry client as this process uses it: the guard, the transport and the user's Docker login. */
import type { Crypto } from '../../protocol/crypto.ts'
import { AddressGuard } from './address-guard.ts'
import { loadCredentials } from './docker-credentials.ts'
import { HttpTransport, type TransportComponents, type TransportOptions } from './http-transport.ts'
import { RegistryClient, type RegistryClientOptions } from './registry-client.ts'

export interface CreateRegistryClientComponents extends Pick<
  TransportComponents,
  'delay' | 'resolveHost'
> {
  readonly crypto: Crypto
  /** Where DOCKER_CONFIG, HOME and PATH are looked up; default: this process's. */
  readonly env?: Readonly<NodeJS.ProcessEnv>
}

export interface CreateRegistryClientOptions {
  /** `host[:port]` for which plain http and private addresses are allowed. */
  readonly insecure?: readonly string[]
  readonly transport?: Partial<TransportOptions>
  readonly client?: Partial<RegistryClientOptions>
}

export function createRegistryClient(
  { crypto, env = process.env, ...network }: CreateRegistryClientComponents,
  { insecure = [], transport, client }: CreateRegistryClientOptions = {},
): RegistryClient {
  const guard = new AddressGuard(insecure)
  return new RegistryClient(
    {
      crypto,
      transport: new HttpTransport({ guard, ...network }, transport),
      credentials: (registry, signal) => loadCredentials(registry, env, signal),
    },
    client,
  )
}
