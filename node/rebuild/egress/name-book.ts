/**
 * The names that a build has asked for, each with an address of its own that exists nowhere else.
 *
 * A step is told an address that only stands for the name, so that a connection says by itself
 * which host is meant. The real addresses are looked up by the node, judged, and used as judged.
 */
import { isIP } from 'node:net'
import { allowsAddress, allowsHost, type EgressPolicy } from './policy.ts'

/** All addresses of a host; rejects with the code of the resolver where it has none. */
export type ResolveHost = (host: string) => Promise<readonly string[]>

export type NameAnswer =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable' }

interface Known {
  readonly addresses: readonly string[]
  readonly until: number
}

/** RFC 2544 sets 198.18.0.0/15 aside for networks that are nobody's; the build's link uses its first half. */
const STAND_INS = '198.19.'
const MAX_NAMES = 0xfffe
const LIFETIME_MS = 60_000

export class NameBook {
  readonly #resolve: ResolveHost
  readonly #isElsewhere: (host: string) => boolean
  readonly #known = new Map<string, Known>()
  readonly #names = new Map<string, string>()
  readonly #standIns = new Map<string, string>()

  /** `isElsewhere`: whether what is at a host is had from another one, so that it needs no address. */
  constructor(resolve: ResolveHost, isElsewhere: (host: string) => boolean = () => false) {
    this.#resolve = resolve
    this.#isElsewhere = isElsewhere
  }

  /** What a step is told of `name`. */
  async ask(name: string, policy: EgressPolicy): Promise<NameAnswer> {
    if (!allowsHost(policy, name)) {
      return { kind: 'refused', reason: 'the recipe does not declare it' }
    }
    if (this.#isElsewhere(name)) return this.#standIn(name)
    let addresses: readonly string[]
    try {
      addresses = await this.addressesOf(name)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return { kind: code === 'ENOTFOUND' || code === 'ENODATA' ? 'unknown' : 'unavailable' }
    }
    const inside = addresses.find((each) => !allowsAddress(policy, name, undefined, each))
    if (inside !== undefined) return { kind: 'refused', reason: refusalOf(inside) }
    return this.#standIn(name)
  }

  #standIn(name: string): NameAnswer {
    const address = this.#standInOf(name)
    return address === undefined ? { kind: 'unavailable' } : { kind: 'address', address }
  }

  /** The host that a connection to `address` means: the name that it stands for, or itself. */
  hostAt(address: string): string | undefined {
    return address.startsWith(STAND_INS) ? this.#names.get(address) : address
  }

  /** Rejects where `host` has none. */
  async addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host]
    const known = this.#known.get(host)
    if (known !== undefined && known.until > performance.now()) return known.addresses
    const addresses = await this.#resolve(host)
    // No more than there are stand-ins for.
    if (this.#standInOf(host) !== undefined) {
      this.#known.set(host, { addresses, until: performance.now() + LIFETIME_MS })
    }
    return addresses
  }

  /** Undefined where a build has asked for more names than any real one does. */
  #standInOf(name: string): string | undefined {
    const given = this.#standIns.get(name)
    if (given !== undefined) return given
    const count = this.#names.size + 1
    if (count > MAX_NAMES) return undefined
    const address = `${STAND_INS}${count >> 8}.${count & 0xff}`
    this.#names.set(address, name)
    this.#standIns.set(name, address)
    return address
  }
}

export function refusalOf(address: string): string {
  return `${address} is not a public address; allow it with "insecure" in the project file`
}
